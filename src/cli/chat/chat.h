// A conversation with a loaded model: what was said, how answers are made, and asking for the next one.
//
// Contract: the model is in this process, or in the running server of this HEARTH_HOME if nothing was asked for that a server
// decides for itself; answers are the same bits. In this process the session follows the conversation; only tokens that it
// does not hold yet are run. After an error the conversation is as before. An answer that was stopped half way belongs to it.
// Not here: reading lines and commands (chat/repl.h), files (chat/saved_chat.h).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/draft_options.h"
#include "cli/engine_options.h"
#include "cli/generation_options.h"
#include "cli/running_server.h"
#include "engine/answer_plan.h"
#include "engine/generate.h"
#include "text/chat_template.h"

namespace hearth::cli {

struct Chat {
  EngineOptions engine;           // what the model was, or is to be, loaded with
  GenerationOptions generation;
  DraftOptions draft;             // how it guesses ahead
  std::string system;
  std::vector<text::ChatMessage> messages;  // without the system prompt
  bool raw = false;               // no chat template: every text is continued on its own
  bool quiet = false;             // nothing about progress
  bool local = false;             // always in this process
  AnswerWishes wishes;            // of every answer: its form, reasoning, tools

  // Of the model, wherever it is.
  std::string name;               // as the user knows it
  library::Installed file;
  ModelInfo info;
  double load_ms = 0;
  int64_t context_used = 0;       // after the last answer
  std::map<int32_t, std::string> token_texts;  // of its tokens and their alternatives, if log-probabilities were asked for
  text::tools::ParsedAnswer said;  // the last answer in its parts; its result's text is the content

  std::optional<RunningServer> server;  // that answers; else what follows is set
  LoadedModel model;
  std::unique_ptr<Session> session;  // after `model`, so that it dies first
  Drafting drafting;

  // True if texts go to the model as they are.
  bool completes() const { return raw || info.chat_template.empty(); }
};

// Loads what `engine` names, here or in the running server. On error the model that was there stays.
Result<void> load(Chat* chat, const EngineOptions& engine, bool quiet);

// on_text of `callbacks` hears what is said, `on_reasoning` what is thought before it.
struct ChatCallbacks : GenerateCallbacks {
  std::function<void(std::string_view text)> on_reasoning;
};
Result<GenerateResult> ask(Chat* chat, const std::string& text, const GenerateOptions& options,
                           const ChatCallbacks& callbacks, const std::atomic<bool>* cancel);

// "smollm2:135m: llama, 134M parameters, Q4_1; context 8192, 2 threads, avx2"
std::string describe(const Chat& chat);
// "35 tokens, 61.3 tokens/s, context 47 of 8192", and why the answer ended if the model did not end it.
std::string summary(const Chat& chat, const GenerateResult& result);
// Counts, times and rates line by line.
std::string details(const Chat& chat, const GenerateResult& result, const GenerateOptions& options);

double prompt_rate(const GenerateResult& result);  // tokens per second; 0 if nothing was run
double decode_rate(const GenerateResult& result);

// Text of a model for a terminal: it cannot steer it. Control characters other than newline and tab are left out.
std::string safe_for_terminal(std::string_view text);
// Terminal codes for dimmed text, empty if NO_COLOR is set, the terminal is dumb or stdout is none.
struct Dim {
  const char* on;
  const char* off;
};
Dim dim();
Dim dim_of_stderr();  // the same for stderr

}  // namespace hearth::cli
