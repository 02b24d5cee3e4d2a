// Contract and exclusions: cli/chat/chat.h.
#include "cli/chat/chat.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/units.h"
#include "base/utf8.h"
#include "cli/terminal.h"
#include "engine/prompt.h"

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

Result<std::vector<int32_t>> prompt_tokens(const Chat& chat, const std::string& text) {
  if (chat.completes()) return text_prompt(*chat.model.engine, text);
  std::vector<text::ChatMessage> messages;
  if (!chat.system.empty()) messages.push_back({"system", chat.system});
  messages.insert(messages.end(), chat.messages.begin(), chat.messages.end());
  messages.push_back({"user", text});
  return chat_prompt(*chat.model.engine, messages);
}

}  // namespace

Result<void> load(Chat* chat, const EngineOptions& engine, bool quiet) {
  LoadedModel model = TRY(load_model(engine, quiet));
  model.reading->finish();  // what there is to wait for is said when it is waited for
  std::unique_ptr<Session> session = TRY(model.engine->new_session());
  Drafting drafting = TRY(make_drafting(chat->draft, engine, *model.engine, quiet));
  chat->drafting.speculator.reset();  // holds a session of the draft model that goes now
  chat->drafting = std::move(drafting);
  chat->session = std::move(session);
  chat->model = std::move(model);
  chat->engine = engine;
  chat->quiet = quiet;
  return {};
}

Result<GenerateResult> ask(Chat* chat, const std::string& text, const GenerateOptions& options,
                           const GenerateCallbacks& callbacks, const std::atomic<bool>* cancel) {
  const std::vector<int32_t> prompt = TRY(prompt_tokens(*chat, text));
  ReadingLine reading(*chat->model.engine, printable(chat->model.name), chat->quiet);
  GenerateCallbacks all = callbacks;
  all.on_prompt = [&](int64_t done, int64_t total) {
    reading.finish();
    if (callbacks.on_prompt) callbacks.on_prompt(done, total);
  };
  GenerateOptions drafting = options;
  drafting.speculator = chat->drafting.speculator.get();
  GenerateResult result = TRY(generate(*chat->model.engine, *chat->session, prompt, drafting, all, cancel));
  if (!chat->completes() && !(result.finish_reason == FinishReason::kCancelled && result.text.empty())) {
    chat->messages.push_back({"user", text});
    chat->messages.push_back({"assistant", result.text});
  }
  return result;
}

std::string describe(const Chat& chat) {
  const ModelInfo& info = chat.model.engine->info();
  return printable(chat.model.name) + ": " + printable(info.architecture) + ", " +
         format_count(static_cast<uint64_t>(info.parameter_count)) + " parameters, " + printable(info.quantisation) +
         "; context " + std::to_string(info.context) + ", " + count_of(info.threads, "thread") + ", " + info.isa;
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
  text += ", context " + std::to_string(chat.session->size()) + " of " + std::to_string(chat.session->context());
  return text + why_it_ended(result.finish_reason);
}

std::string details(const Chat& chat, const GenerateResult& result, const GenerateOptions& options) {
  char prompt_time[64], decode_time[64], load_time[64];
  std::snprintf(load_time, sizeof load_time, "%.0f ms", chat.model.load_ms);
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
       {"context", std::to_string(chat.session->size()) + " of " + std::to_string(chat.session->context())},
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

Dim dim() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool plain = (no_color != nullptr && *no_color != '\0') || terminal == nullptr || *terminal == '\0' ||
                     std::strcmp(terminal, "dumb") == 0 || !stdout_is_terminal();
  return plain ? Dim{"", ""} : Dim{"\033[2m", "\033[0m"};
}

}  // namespace hearth::cli
