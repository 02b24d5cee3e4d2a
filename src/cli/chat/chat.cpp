// Contract and exclusions: cli/chat/chat.h.
#include "cli/chat/chat.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/units.h"
#include "base/utf8.h"
#include "cli/terminal.h"
#include "cli/models.h"
#include "engine/chat_plan.h"
#include "text/tokenizer.h"

namespace hearth::cli {

namespace {

std::string rate_text(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, rate < 100 ? "%.1f" : "%.0f", rate);
  return text;
}

std::string count_of(int64_t count, const char* noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

const char* why_it_ended(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop: return "";
    case FinishReason::kLength: return "; ended at the token limit";
    case FinishReason::kContextFull: return "; ended because the context is full";
    case FinishReason::kCancelled: return "; stopped";
  }
  return "";
}

std::string guesses(const GenerateResult& result) {
  if (result.drafted_tokens == 0) return "nothing";
  return count_of(result.drafted_tokens, "token") + ", " + std::to_string(result.accepted_tokens) + " of them right; " +
         count_of(result.decode_steps, "step") + " for " + count_of(result.decode_tokens, "token");
}

// ", adapters pirate.gguf (1), rhyme.gguf (0.5)"
std::string adapter_names(const Chat& chat) {
  std::string text;
  if (chat.server || !chat.model.engine) return text;
  for (const AdapterInfo& adapter : chat.model.engine->adapters()) {
    char scale[32];
    std::snprintf(scale, sizeof scale, " (%g)", double{adapter.scale});
    text += (text.empty() ? ", adapters " : ", ") + printable(adapter.path.substr(adapter.path.rfind('/') + 1)) + scale;
  }
  return text;
}

std::vector<text::ChatMessage> conversation(const Chat& chat, const std::string& text) {
  std::vector<text::ChatMessage> messages;
  if (!chat.system.empty()) messages.push_back({"system", chat.system});
  messages.insert(messages.end(), chat.messages.begin(), chat.messages.end());
  messages.push_back({"user", text});
  return messages;
}

// How a model is loaded and run is the server's business: whoever has a wish about it is answered here.
bool leaves_it_to_a_server(const Chat& chat, const EngineOptions& engine) {
  return !chat.local && !chat.raw && chat.wishes.shape.kind == AnswerShape::Kind::kFree && engine.threads == 0 &&
         engine.isa.empty() && engine.context == 0 && engine.adapters.empty() && chat.draft.draft == "auto" && chat.draft.depth == 0;
}

void note(bool quiet, const std::string& text) {
  if (!quiet) std::fprintf(stderr, "hearth: %s\n", printable(text, 1000).c_str());
}

// False: there is no server for it, and this process does it.
Result<bool> load_by_server(Chat* chat, const EngineOptions& engine, bool quiet) {
  if (!leaves_it_to_a_server(*chat, engine)) return false;
  const Result<RunningServer> server = find_running_server();
  const ErrorCode code = server.ok() ? ErrorCode::kInternal : server.error().code;
  if (code == ErrorCode::kNotFound || code == ErrorCode::kInvalidArgument) return false;
  if (!server.ok()) {
    note(quiet, "answering in this process: " + server.error().message);
    return false;
  }
  if (server->kv_type != engine.kv_type) {
    note(quiet, "answering in this process: the running server keeps its context as " + server->kv_type + ", not " + engine.kv_type);
    return false;
  }
  const library::Library models = TRY(library::Library::open());
  const library::Installed file = TRY(find_or_pull(models, engine.model, quiet));
  if (file.name.empty() || file.sha256.empty()) return false;  // a path
  const Result<ServerModel> loaded = load_in_server(*server, file.name);
  if (!loaded.ok() && loaded.error().code == ErrorCode::kNotFound) return false;  // it has gone, or knows other names
  if (!loaded.ok()) {
    return Error{loaded.error().code, "the running server: " + loaded.error().message + " (--local answers in this process)"};
  }
  if (loaded->info.path != file.path) return false;
  chat->server = *server;
  chat->name = file.name;
  chat->file = file;
  chat->info = loaded->info;
  chat->load_ms = loaded->load_ms;
  return true;
}

Result<void> load_here(Chat* chat, const EngineOptions& engine, bool quiet) {
  LoadedModel model = TRY(load_model(engine, quiet));
  model.reading->finish();  // what there is to wait for is said when it is waited for
  std::unique_ptr<Session> session = TRY(model.engine->new_session());
  Drafting drafting = TRY(make_drafting(chat->draft, engine, *model.engine, quiet));
  chat->drafting.speculator.reset();  // holds a session of the draft model that goes now
  chat->drafting = std::move(drafting);
  chat->session = std::move(session);
  chat->model = std::move(model);
  chat->server.reset();
  chat->name = chat->model.name;
  chat->file = chat->model.file;
  chat->info = chat->model.engine->info();
  chat->load_ms = chat->model.load_ms;
  return {};
}

void name_tokens(Chat* chat, const GenerateResult& result) {
  const text::Tokenizer& tokenizer = chat->model.engine->tokenizer();
  const auto name = [&](int32_t id) { chat->token_texts[id] = tokenizer.token_bytes(id, /*special=*/true); };
  for (const GeneratedToken& token : result.tokens) {
    name(token.id);
    for (const text::TokenLogprob& other : token.alternatives) name(other.id);
  }
}

// Takes an answer apart while it comes.
class AnswerReader {
 public:
  AnswerReader(text::tools::ParserOptions parser, const ChatCallbacks& callbacks) : parser_(std::move(parser)), callbacks_(callbacks) {}

  void take(std::string_view text) {
    parser_.push(text, &fresh_);
    tell();
  }
  text::tools::ParsedAnswer finish() {
    parser_.finish(&fresh_);
    tell();
    return gather(events_);
  }

 private:
  void tell() {
    for (text::tools::AnswerEvent& event : fresh_) {
      if (event.kind == text::tools::AnswerEvent::Kind::kContent && callbacks_.on_text) callbacks_.on_text(event.text);
      if (event.kind == text::tools::AnswerEvent::Kind::kReasoning && callbacks_.on_reasoning) callbacks_.on_reasoning(event.text);
      events_.push_back(std::move(event));
    }
    fresh_.clear();
  }

  text::tools::AnswerParser parser_;
  const ChatCallbacks& callbacks_;
  std::vector<text::tools::AnswerEvent> fresh_, events_;  // not told; of the whole answer
};

Result<GenerateResult> ask_here(Chat* chat, const std::string& text, const GenerateOptions& options,
                                const ChatCallbacks& callbacks, const std::atomic<bool>* cancel) {
  const Engine& engine = *chat->model.engine;
  ChatPlan plan = chat->completes() ? TRY(plan_text(engine, chat->wishes.shape, text, options))
                                    : TRY(plan_chat(engine, chat->wishes, conversation(*chat, text), options));
  ReadingLine reading(engine, printable(chat->model.name), chat->quiet);
  AnswerReader answer(std::move(plan.parser), callbacks);
  GenerateCallbacks all;
  all.on_text = [&](std::string_view piece) { answer.take(piece); };
  all.on_prompt = [&](int64_t done, int64_t total) {
    reading.finish();
    if (callbacks.on_prompt) callbacks.on_prompt(done, total);
  };
  plan.options.speculator = chat->drafting.speculator.get();
  GenerateResult result = TRY(generate(engine, *chat->session, plan.prompt, plan.options, all, cancel));
  chat->context_used = chat->session->size();
  chat->said = answer.finish();
  if (options.sampler.logprobs >= 0) name_tokens(chat, result);
  return result;
}

Result<GenerateResult> ask_server_of(Chat* chat, const std::string& text, const GenerateOptions& options,
                                     const ChatCallbacks& callbacks, const std::atomic<bool>* cancel) {
  const server::home::Question question{chat->name, conversation(*chat, text), options, chat->wishes};
  Result<ServerAnswer> answer = ask_running_server(*chat->server, question, callbacks, callbacks.on_reasoning, cancel);
  if (!answer.ok()) return answer.error();
  chat->context_used = answer->context_used;
  if (answer->context > 0) chat->info.context = answer->context;  // it may have been loaded anew since
  chat->token_texts = std::move(answer->token_texts);
  chat->said = std::move(answer->said);
  return std::move(answer->result);
}

}  // namespace

Result<void> load(Chat* chat, const EngineOptions& engine, bool quiet) {
  if (TRY(load_by_server(chat, engine, quiet))) {
    chat->drafting.speculator.reset();  // holds a session of the draft model that goes now
    chat->drafting = Drafting();
    chat->session.reset();
    chat->model = LoadedModel();
  } else {
    TRY(load_here(chat, engine, quiet));
  }
  chat->engine = engine;
  chat->quiet = quiet;
  chat->context_used = 0;
  return {};
}

Result<GenerateResult> ask(Chat* chat, const std::string& text, const GenerateOptions& options,
                           const ChatCallbacks& callbacks, const std::atomic<bool>* cancel) {
  chat->token_texts.clear();
  chat->said = {};
  Result<GenerateResult> answer = Error{};
  if (chat->server) {
    answer = ask_server_of(chat, text, options, callbacks, cancel);
    if (!answer.ok() && answer.error().code == ErrorCode::kNotFound) {
      note(chat->quiet, "the running server is gone; going on in this process");
      TRY(load(chat, chat->engine, chat->quiet));
    }
  }
  if (!chat->server) answer = ask_here(chat, text, options, callbacks, cancel);
  if (!answer.ok()) return answer;
  GenerateResult& result = *answer;
  result.text = chat->said.content;
  if (!chat->completes() && !(result.finish_reason == FinishReason::kCancelled && result.text.empty())) {
    chat->messages.push_back({"user", text});
    chat->messages.push_back({"assistant", result.text});
  }
  return answer;
}

std::string describe(const Chat& chat) {
  const ModelInfo& info = chat.info;
  return printable(chat.name) + ": " + printable(info.architecture) + ", " +
         format_count(static_cast<uint64_t>(info.parameter_count)) + " parameters, " + printable(info.quantisation) +
         "; context " + std::to_string(info.context) + ", " + count_of(info.threads, "thread") + ", " + info.isa +
         (chat.server ? ", in the running server" : "") + adapter_names(chat);
}

double prompt_rate(const GenerateResult& result) {
  const auto run = static_cast<double>(result.prompt_tokens - result.reused_tokens);
  return result.prompt_ms > 0 ? run * 1e3 / result.prompt_ms : 0;
}

double decode_rate(const GenerateResult& result) {
  return result.decode_ms > 0 ? static_cast<double>(result.decode_tokens) * 1e3 / result.decode_ms : 0;
}

std::string summary(const Chat& chat, const GenerateResult& result) {
  std::string text = count_of(static_cast<int64_t>(result.tokens.size()), "token");
  if (result.decode_tokens > 0) text += ", " + rate_text(decode_rate(result)) + " tokens/s";
  text += ", context " + std::to_string(chat.context_used) + " of " + std::to_string(chat.info.context);
  return text + why_it_ended(result.finish_reason);
}

std::string details(const Chat& chat, const GenerateResult& result, const GenerateOptions& options) {
  char prompt_time[64], decode_time[64], load_time[64];
  std::snprintf(load_time, sizeof load_time, "%.0f ms", chat.load_ms);
  std::snprintf(prompt_time, sizeof prompt_time, " in %.0f ms, ", result.prompt_ms);
  std::snprintf(decode_time, sizeof decode_time, " in %.0f ms, ", result.decode_ms);
  return format_fields(
      {{"model", describe(chat)},
       {"load", load_time},
       {"prompt", count_of(result.prompt_tokens, "token") + ", " + std::to_string(result.reused_tokens) +
                      " of them already there" + prompt_time + rate_text(prompt_rate(result)) + " tokens/s"},
       {"answer", count_of(static_cast<int64_t>(result.tokens.size()), "token") + decode_time +
                      rate_text(decode_rate(result)) + " tokens/s"},
       {"guessed ahead", guesses(result)},
       {"ended by", result.stop_string.empty() ? finish_reason_name(result.finish_reason)
                                               : "stop text \"" + printable(result.stop_string) + "\""},
       {"context", std::to_string(chat.context_used) + " of " + std::to_string(chat.info.context)},
       {"seed", std::to_string(options.sampler.seed)}});
}

std::string safe_for_terminal(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (size_t position = 0; position < text.size();) {
    const Utf8Step step = utf8_step(text, position);
    const bool control = (step.code < 0x20 && step.code != '\n' && step.code != '\t') ||
                         (step.code >= 0x7F && step.code < 0xA0);
    if (!step.valid) {
      append_utf8(&safe, kReplacementCharacter);
    } else if (!control) {
      safe.append(text, position, static_cast<size_t>(step.length));
    }
    position += static_cast<size_t>(step.length);
  }
  return safe;
}

namespace {

Dim dim_for(bool is_terminal) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool plain = (no_color != nullptr && *no_color != '\0') || terminal == nullptr || *terminal == '\0' ||
                     std::strcmp(terminal, "dumb") == 0 || !is_terminal;
  return plain ? Dim{"", ""} : Dim{"\033[2m", "\033[0m"};
}

}  // namespace

Dim dim() { return dim_for(stdout_is_terminal()); }
Dim dim_of_stderr() { return dim_for(stderr_is_terminal()); }

}  // namespace hearth::cli
