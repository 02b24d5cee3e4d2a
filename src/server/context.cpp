// Contract and exclusions: server/context.h.
#include "server/context.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>

#include "engine/decoding.h"
#include "server/adapters.h"
#include "server/http/request_record.h"
#include "server/messages.h"
#include "text/tokenizer.h"
#include "text/tools/answer_format.h"

namespace hearth::server {

void send_json(Responder& responder, const Json& json, int status, Headers more) {
  responder.send(status, "application/json; charset=utf-8", to_text(json), std::move(more));
}

void send_error(Responder& responder, Dialect dialect, const ApiError& error, std::string_view request_id) {
  if (responder.record()) responder.record()->add([&](RequestFacts& facts) { facts.error = error.message; });
  Headers headers;
  if (error.retry_after_seconds > 0) headers.emplace_back("retry-after", std::to_string(error.retry_after_seconds));
  if (dialect == Dialect::kAnthropic) headers.emplace_back("request-id", request_id);
  responder.send(error.status, "application/json; charset=utf-8", error_body(dialect, error, request_id), std::move(headers));
}

std::string new_id(std::string_view prefix) {
  static constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  static thread_local std::mt19937_64 random{std::random_device{}()};
  std::string id(prefix);
  for (int i = 0; i < 24; ++i) id += kLetters[random() % kLetters.size()];
  return id;
}

int64_t unix_seconds() { return static_cast<int64_t>(std::time(nullptr)); }

std::string rfc3339(int64_t seconds, int64_t nanoseconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[48], whole[32];
  std::strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text, sizeof text, "%s.%09lldZ", whole, static_cast<long long>(nanoseconds));
  return text;
}

std::string rfc3339_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return rfc3339(now.tv_sec, now.tv_nsec);
}

Checked<Prepared> read_request(const Request& request, Dialect dialect, const char* nested) {
  Checked<Json> body = parse_body(request.body);
  if (!body.ok()) return body.error();
  Prepared prepared{std::move(*body), default_parameters(dialect), {}, {}, {}, "", std::nullopt, nullptr};
  if (Checked<Nothing> read = read_parameters(prepared.body, &prepared.parameters); !read.ok()) return read.error();
  if (const Json* inner = nested ? find_member(prepared.body, nested) : nullptr) {
    if (!inner->is_object()) return bad_request(std::string("'") + nested + "' must be an object", nested);
    if (Checked<Nothing> read = read_parameters(*inner, &prepared.parameters); !read.ok()) return read.error();
  }
  Checked<RequestedShape> shape = read_shape(prepared.body, dialect);
  if (!shape.ok()) return shape.error();
  prepared.shape = std::move(*shape);
  Checked<std::optional<AdapterSet>> adapters = read_adapters(prepared.body);
  if (!adapters.ok()) return adapters.error();
  prepared.parameters.adapters = std::move(*adapters);
  Checked<ToolWishes> tools = read_tools(prepared.body, dialect);
  if (!tools.ok()) return tools.error();
  prepared.tools = std::move(*tools);
  Checked<ReasoningWishes> reasoning = read_reasoning(prepared.body, dialect);
  if (!reasoning.ok()) return reasoning.error();
  prepared.reasoning = std::move(*reasoning);
  choose_seed(&prepared.parameters);
  Checked<std::string> name = string_member(prepared.body, "model");
  if (!name.ok()) return name.error();
  prepared.model_name = std::move(*name);
  if (const Json* value = find_member(prepared.body, "keep_alive")) {
    Checked<KeepAlive> parsed = parse_keep_alive(*value);
    if (!parsed.ok()) return parsed.error();
    prepared.keep_alive = *parsed;
  }
  return prepared;
}

namespace {

ApiError outside_vocabulary(const char* field, int32_t id, int64_t vocabulary) {
  return bad_request(std::string("'") + field + "': token id " + std::to_string(id) + " is outside the vocabulary (0 to " +
                         std::to_string(vocabulary - 1) + ")",
                     field);
}

}  // namespace

AnswerWishes wishes_of(const Prepared& prepared) {
  using text::tools::ReasoningWish;
  const ReasoningWishes& reasoning = prepared.reasoning;
  AnswerWishes wishes;
  wishes.tools = prepared.tools.request;
  wishes.reasoning.wish = !reasoning.on ? ReasoningWish::kModelDefault : *reasoning.on ? ReasoningWish::kOn : ReasoningWish::kOff;
  wishes.reasoning.budget = reasoning.budget;
  wishes.reasoning.effort = reasoning.effort;
  wishes.shape = prepared.shape.shape;
  wishes.splits_reasoning = reasoning.apart;
  return wishes;
}

Checked<Nothing> refuse_tools(const Prepared& prepared) {
  if (!prepared.tools.request.active()) return Nothing{};
  return not_supported("'tools' need a conversation: here a prompt is continued as it is. Leave them out, or send messages to /v1/chat/completions",
                       "tools");
}

Checked<Nothing> load_model(Context& context, Prepared* prepared) {
  Checked<std::shared_ptr<Models::Lease>> model = context.models.acquire(prepared->model_name, prepared->keep_alive);
  if (!model.ok()) return model.error();
  prepared->model = std::move(*model);
  const int64_t vocabulary = prepared->model->engine().info().vocabulary;
  for (const auto& [id, bias] : prepared->parameters.generate.sampler.logit_bias) {
    if (id < vocabulary) continue;
    return outside_vocabulary("logit_bias", id, vocabulary);
  }
  for (const int32_t id : prepared->parameters.generate.stop_tokens) {
    if (id >= vocabulary) return outside_vocabulary("stop_token_ids", id, vocabulary);
  }
  std::optional<AdapterSet>& adapters = prepared->parameters.adapters;
  Checked<AdapterSet> in_effect = adapters ? adapters_of(prepared->model->engine(), *adapters)
                                           : Checked<AdapterSet>(prepared->model->service().default_adapters());
  if (!in_effect.ok()) return in_effect.error();
  adapters = std::move(*in_effect);
  const ReasoningWishes& reasoning = prepared->reasoning;
  if (reasoning.insists && reasoning.on == true && !prepared->model->engine().answer_format().reasoning.exists()) {
    return not_supported("\"" + prepared->model->name() + "\" does not support thinking: leave '" + reasoning.field + "' out",
                         reasoning.field);
  }
  find_breakers(prepared->model->engine(), &prepared->parameters.generate.sampler);
  Checked<std::shared_ptr<text::grammar::Grammar>> grammar = compile_shape(prepared->model->engine(), prepared->shape);
  if (!grammar.ok()) return grammar.error();
  prepared->parameters.generate.grammar = std::move(*grammar);
  return Nothing{};
}

Checked<Prepared> prepare(Context& context, const Request& request, Dialect dialect, const char* nested) {
  Checked<Prepared> prepared = read_request(request, dialect, nested);
  if (!prepared.ok()) return prepared;
  if (Checked<Nothing> loaded = load_model(context, &*prepared); !loaded.ok()) return loaded.error();
  return prepared;
}

Headers answer_headers(const Prepared& prepared) {
  Headers headers = {{"x-hearth-seed", std::to_string(prepared.parameters.generate.sampler.seed)}};
  std::string types;
  for (const std::string& type : prepared.tools.left_out) types += (types.empty() ? "" : ", ") + type;
  if (!types.empty()) headers.emplace_back("x-hearth-tools-left-out", types);
  return headers;
}

int64_t tokens_held(const GenerateResult& result) {
  const bool by_token = result.finish_reason == FinishReason::kStop && result.stop_string.empty();
  const auto answer = static_cast<int64_t>(result.tokens.size());
  return result.prompt_tokens + (by_token || answer == 0 ? answer : answer - 1);
}

Json timings_of(const GenerateResult& result) {
  const auto per_second = [](int64_t tokens, double ms) { return ms > 0 ? static_cast<double>(tokens) * 1e3 / ms : 0.0; };
  const auto per_token = [](int64_t tokens, double ms) { return tokens > 0 ? ms / static_cast<double>(tokens) : 0.0; };
  const int64_t prompt = result.prompt_tokens - result.reused_tokens;
  const auto answer = static_cast<int64_t>(result.tokens.size());
  Json timings = {{"cache_n", result.reused_tokens},
                  {"prompt_n", prompt},
                  {"prompt_ms", result.prompt_ms},
                  {"prompt_per_token_ms", per_token(prompt, result.prompt_ms)},
                  {"prompt_per_second", per_second(prompt, result.prompt_ms)},
                  {"predicted_n", answer},
                  {"predicted_ms", result.decode_ms},
                  {"predicted_per_token_ms", per_token(answer, result.decode_ms)},
                  {"predicted_per_second", per_second(answer, result.decode_ms)}};
  if (result.drafted_tokens > 0) {
    timings["draft_n"] = result.drafted_tokens;
    timings["draft_n_accepted"] = result.accepted_tokens;
  }
  return timings;
}

Json logprobs_of(const Engine& engine, std::span<const GeneratedToken> tokens) {
  const auto entry = [&](int32_t id, float logprob) {
    const std::string_view bytes = engine.tokenizer().token_bytes(id, /*special=*/true);
    Json list = Json::array();
    for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
    // -9999 stands for zero probability, which JSON cannot write as a logarithm.
    return Json{{"token", bytes}, {"logprob", std::max(logprob, -9999.0f)}, {"bytes", std::move(list)}};
  };
  Json result = Json::array();
  for (const GeneratedToken& token : tokens) {
    Json item = entry(token.id, token.logprob);
    item["top_logprobs"] = Json::array();
    for (const text::TokenLogprob& other : token.alternatives) item["top_logprobs"].push_back(entry(other.id, other.logprob));
    result.push_back(std::move(item));
  }
  return result;
}

}  // namespace hearth::server
