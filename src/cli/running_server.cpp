// Contract and exclusions: cli/running_server.h.
#include "cli/running_server.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/http_client.h"
#include "cli/line_stream.h"
#include "kernels/numerics.h"
#include "library/library.h"
#include "nlohmann/json.hpp"
#include "server/home/home_socket.h"

namespace hearth::cli {

namespace {

using json = nlohmann::ordered_json;
namespace wire = server::home;

constexpr std::chrono::seconds kServerPatience{10};    // for what needs no model
constexpr std::chrono::minutes kLoadPatience{30};
constexpr const char* kHost = "localhost";

Deadline in(std::chrono::seconds time) { return std::chrono::steady_clock::now() + time; }

// A connection whose other end is a process of the folder's owner.
Result<FileDescriptor> connect_home(const std::string& socket_path) {
  const uid_t owner = TRY(server::check_home_folder(socket_path.substr(0, socket_path.rfind('/'))));
  FileDescriptor socket = TRY(connect_unix_socket(socket_path));
  const std::optional<uid_t> peer = server::peer_user(socket.get());
  if (!peer || *peer != owner) {
    return Error{ErrorCode::kPermission, "the server at " + printable(socket_path) + " is another user's"};
  }
  return socket;
}

// The whole answer, parsed.
Result<json> request(const std::string& socket_path, const std::string& method, const std::string& path, const json& body,
                     std::chrono::seconds patience) {
  FileDescriptor socket = TRY(connect_home(socket_path));
  const std::string text = body.is_null() ? "" : body.dump(-1, ' ', false, json::error_handler_t::replace);
  TRY(send_request(socket.get(), kHost, method, path, text, in(patience)));
  const HttpAnswer answer = TRY(receive_answer(socket.get(), in(patience)));
  json parsed = json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (answer.status >= 300) return wire::error_from_json(answer.status, parsed);
  if (parsed.is_discarded()) return Error{ErrorCode::kCorrupt, "what answers at " + printable(socket_path) + " does not speak JSON"};
  return parsed;
}

// What has come of an answer that the user stopped.
ServerAnswer stopped(ServerAnswer answer, const wire::PromptLine& prompt, int64_t asked_ns, int64_t first_ns) {
  GenerateResult& result = answer.result;
  result.finish_reason = FinishReason::kCancelled;
  result.prompt_tokens = prompt.total;
  result.reused_tokens = prompt.reused;
  const int64_t now = monotonic_ns();
  result.prompt_ms = static_cast<double>((first_ns > 0 ? first_ns : now) - asked_ns) * 1e-6;
  result.decode_ms = first_ns > 0 ? static_cast<double>(now - first_ns) * 1e-6 : 0;
  result.decode_tokens = static_cast<int64_t>(result.tokens.size());
  result.decode_steps = result.decode_tokens;
  answer.context_used = prompt.done + result.decode_tokens;
  return answer;
}

using ReasoningSink = std::function<void(std::string_view)>;

void take_text(wire::TextLine& line, ServerAnswer* answer, const GenerateCallbacks& callbacks, const ReasoningSink& on_reasoning) {
  answer->said.content += line.text;
  answer->said.reasoning += line.reasoning;
  for (GeneratedToken& token : line.tokens) answer->result.tokens.push_back(std::move(token));
  answer->token_texts.merge(line.token_texts);
  if (on_reasoning && !line.reasoning.empty()) on_reasoning(line.reasoning);
  if (callbacks.on_text && !line.text.empty()) callbacks.on_text(line.text);
}

void take_end(wire::EndLine& line, ServerAnswer* answer) {
  line.result.tokens = std::move(answer->result.tokens);
  answer->result = std::move(line.result);
  answer->said.calls = std::move(line.calls);
  answer->said.malformed = std::move(line.malformed);
  answer->context = line.context;
  answer->context_used = line.context_used;
}

}  // namespace

Result<RunningServer> find_running_server() {
  const library::Library models = TRY(library::Library::open());
  RunningServer found;
  found.socket = server::home_socket_path(models.home());
  const json answer = TRY(request(found.socket, "GET", "/hearth/server", nullptr, kServerPatience));
  const wire::Identity identity = TRY(wire::identity_from_json(answer));
  if (identity.version != HEARTH_VERSION || identity.numerics != kernels::kNumericsVersion) {
    return Error{ErrorCode::kUnsupported, "the running server is hearth " + printable(identity.version) +
                                              " and this is " HEARTH_VERSION ": start it anew to use it"};
  }
  found.kv_type = identity.kv_type;
  return found;
}

Result<ServerModel> load_in_server(const RunningServer& server, const std::string& model) {
  const json answer = TRY(request(server.socket, "POST", "/hearth/load", {{"model", model}}, kLoadPatience));
  const bool whole = answer.is_object() && answer.contains("name") && answer["name"].is_string() && answer.contains("load_ms") &&
                     answer["load_ms"].is_number() && answer.contains("info");
  if (!whole) return Error{ErrorCode::kCorrupt, "the running server does not tell what it has loaded"};
  return ServerModel{answer["name"].get<std::string>(), TRY(wire::model_info_from_json(answer["info"])),
                     answer["load_ms"].get<double>()};
}

Result<ServerAnswer> ask_running_server(const RunningServer& server, const wire::Question& question,
                                        const GenerateCallbacks& callbacks, const ReasoningSink& on_reasoning,
                                        const std::atomic<bool>* cancel) {
  FileDescriptor socket = TRY(connect_home(server.socket));
  const int64_t asked_ns = monotonic_ns();
  const std::string body = wire::question_to_json(question).dump(-1, ' ', false, json::error_handler_t::replace);
  TRY(send_request(socket.get(), kHost, "POST", "/hearth/answer", body, in(kServerPatience)));
  LineStream stream(std::move(socket));
  ServerAnswer answer;
  wire::PromptLine prompt;
  int64_t first_ns = 0;
  const Result<int> status = stream.begin(cancel);
  if (!status.ok() && status.error().code == ErrorCode::kCancelled) return stopped(answer, prompt, asked_ns, first_ns);
  if (!status.ok()) return status.error();
  if (*status >= 300) return wire::error_from_json(*status, json::parse(TRY(stream.rest(cancel)), nullptr, false));
  for (;;) {
    const Result<std::optional<std::string>> text = stream.next(cancel);
    if (!text.ok() && text.error().code == ErrorCode::kCancelled) return stopped(std::move(answer), prompt, asked_ns, first_ns);
    if (!text.ok()) return text.error();
    if (!*text) return Error{ErrorCode::kCorrupt, "the running server's answer has no end"};
    wire::Line line = TRY(wire::line_from_text(**text));
    if (line.error) return *line.error;
    if (line.text) {
      if (first_ns == 0) first_ns = monotonic_ns();
      take_text(*line.text, &answer, callbacks, on_reasoning);
    } else if (line.prompt) {
      prompt = *line.prompt;
      if (callbacks.on_prompt && prompt.waiting_before < 0) callbacks.on_prompt(prompt.done - prompt.reused, prompt.total - prompt.reused);
    } else {
      take_end(*line.end, &answer);
      return answer;
    }
  }
}

}  // namespace hearth::cli
