// hearth run: a chat at a terminal, or one answer to a prompt.
//
// Contract: without a terminal, or with a prompt, stdout has the answer (or one JSON object) and nothing else; everything
// else goes to stderr. An answer that the context cut off is exit code 1, one that was interrupted 130. Who answers, this
// process or a running server, is chat.h's business.
// Not here: the interactive part (cli/chat/).
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/chat/chat.h"
#include "cli/chat/repl.h"
#include "cli/exit.h"
#include "cli/input.h"
#include "cli/shape_options.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "nlohmann/json.hpp"

namespace hearth::cli {
namespace {

using json = nlohmann::ordered_json;

struct RunOptions {
  Chat chat;
  std::vector<std::string> prompt;
  ShapeOptions shape;
  bool json = false, verbose = false, quiet = false;
  bool think = false, no_think = false;
};

json logprobs_to_json(const Chat& chat, const GenerateResult& result) {
  const auto entry = [&](int32_t id, float logprob) {
    const auto text = chat.token_texts.find(id);
    return json{{"id", id}, {"token", text == chat.token_texts.end() ? "" : text->second}, {"logprob", logprob}};
  };
  json list = json::array();
  for (const GeneratedToken& token : result.tokens) {
    json item = entry(token.id, token.logprob);
    item["alternatives"] = json::array();
    for (const text::TokenLogprob& other : token.alternatives) item["alternatives"].push_back(entry(other.id, other.logprob));
    list.push_back(std::move(item));
  }
  return list;
}

void print_json(const RunOptions& run, const GenerateResult& result, const GenerateOptions& options) {
  const Chat& chat = run.chat;
  json object = {{"model", chat.name},
                 {"text", result.text}};
  if (!chat.said.reasoning.empty()) object["reasoning"] = chat.said.reasoning;
  object["finish_reason"] = finish_reason_name(result.finish_reason);
  if (!result.stop_string.empty()) object["stop"] = result.stop_string;
  object["seed"] = options.sampler.seed;
  object["prompt_tokens"] = result.prompt_tokens;
  object["answer_tokens"] = result.tokens.size();
  if (result.reasoning_tokens > 0) object["reasoning_tokens"] = result.reasoning_tokens;
  object["context_used"] = chat.context_used;
  object["context"] = chat.info.context;
  object["load_ms"] = chat.load_ms;
  object["prompt_ms"] = result.prompt_ms;
  object["answer_ms"] = result.decode_ms;
  object["prompt_tokens_per_second"] = prompt_rate(result);
  object["tokens_per_second"] = decode_rate(result);
  object["steps"] = result.decode_steps;
  object["drafted_tokens"] = result.drafted_tokens;
  object["accepted_tokens"] = result.accepted_tokens;
  object["in_server"] = chat.server.has_value();
  if (options.sampler.logprobs >= 0) object["logprobs"] = logprobs_to_json(chat, result);
  std::printf("%s\n", object.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
}

// PROMPT and what standard input holds, if it is no terminal.
Result<std::string> gather_prompt(const RunOptions& run) {
  std::string text;
  for (const std::string& word : run.prompt) text += (text.empty() ? "" : " ") + word;
  if (!stdin_is_terminal() || text.empty()) {
    const std::string input = TRY(read_standard_input());
    if (!text.empty() && !input.empty()) text += "\n\n";
    text += input;
  }
  if (!run.chat.raw) {
    while (text.ends_with('\n')) text.pop_back();
  }
  if (text.empty()) {
    return Error{ErrorCode::kInvalidArgument, "there is no prompt: name one after MODEL, or give it on standard input"};
  }
  return text;
}

int exit_code_of(const GenerateResult& result) {
  if (result.finish_reason == FinishReason::kCancelled) return kExitInterrupted;
  return result.finish_reason == FinishReason::kContextFull ? kExitFailed : kExitDone;
}

// Shows an answer while it is made: what is said on stdout, what is thought before it on stderr, dim at a terminal.
class OneAnswer {
 public:
  OneAnswer(bool says, bool thinks) : says_(says), thinks_(thinks) {}

  ChatCallbacks callbacks() {
    ChatCallbacks callbacks;
    if (says_) callbacks.on_text = [this](std::string_view text) { write(stdout, text, terminal_, &line_open_); };
    if (thinks_) {
      callbacks.on_reasoning = [this](std::string_view text) {
        if (!thought_) std::fputs(dim_.on, stderr);
        thought_ = true;
        write(stderr, text, /*safe=*/true, &thought_open_);
      };
    }
    return callbacks;
  }

  void finish() {
    end_thought();
    if (line_open_) std::fputs("\n", stdout);
  }

 private:
  void write(std::FILE* to, std::string_view text, bool safe, bool* open) {
    if (to == stdout) end_thought();
    const std::string shown = safe ? safe_for_terminal(text) : std::string(text);
    std::fwrite(shown.data(), 1, shown.size(), to);
    std::fflush(to);
    if (!shown.empty()) *open = shown.back() != '\n';
  }

  void end_thought() {
    if (!thought_) return;
    std::fprintf(stderr, "%s%s\n", thought_open_ ? "\n" : "", dim_.off);
    thought_ = thought_open_ = false;
  }

  const bool says_, thinks_;
  const bool terminal_ = stdout_is_terminal();
  const Dim dim_ = dim_of_stderr();
  bool line_open_ = false, thought_ = false, thought_open_ = false;
};

int answer_once(RunOptions* run) {
  catch_interrupts();
  Chat& chat = run->chat;
  const Result<std::string> prompt = gather_prompt(*run);
  if (!prompt.ok()) return report(prompt.error());
  const Result<void> loaded = load(&chat, chat.engine, run->quiet);
  if (!loaded.ok()) return report(loaded.error());
  const GenerateOptions options = for_one_answer(chat.generation);
  OneAnswer shown(!run->json, !run->json && !run->quiet);
  const Result<GenerateResult> result = ask(&chat, *prompt, options, shown.callbacks(), interrupt_flag());
  shown.finish();
  if (!result.ok()) return report(result.error());
  if (run->json) print_json(*run, *result, options);
  std::fflush(stdout);
  if (run->verbose) {
    std::fputs(details(chat, *result, options).c_str(), stderr);
  } else if (!run->quiet && !run->json) {
    std::fprintf(stderr, "[%s]\n", summary(chat, *result).c_str());
  }
  if (result->finish_reason == FinishReason::kContextFull) {
    report({ErrorCode::kContextFull, "the answer ended because the context of " + std::to_string(chat.info.context) +
                                         " tokens is full: take a larger one (--ctx) or set --max-tokens"});
  }
  return exit_code_of(*result);
}

int interactive(RunOptions* run) {
  const Result<library::Library> models = library::Library::open();
  if (!models.ok()) return report(models.error());
  const Result<void> loaded = load(&run->chat, run->chat.engine, /*quiet=*/false);
  if (!loaded.ok()) return report(loaded.error());
  return run_repl(models->home(), &run->chat, run->verbose);
}

text::tools::ReasoningWish reasoning_wish(const RunOptions& run) {
  if (run.think) return text::tools::ReasoningWish::kOn;
  return run.no_think ? text::tools::ReasoningWish::kOff : text::tools::ReasoningWish::kModelDefault;
}

int run_verb(RunOptions* run) {
  const Result<void> valid = text::validate(run->chat.generation.generate.sampler, INT32_MAX);
  if (!valid.ok()) return report(valid.error());
  Result<AnswerShape> shape = read_shape(run->shape);
  if (!shape.ok()) return report(shape.error());
  run->chat.wishes.shape = std::move(*shape);
  run->chat.wishes.reasoning.wish = reasoning_wish(*run);
  const bool talk = run->prompt.empty() && !run->json && stdin_is_terminal() && stdout_is_terminal();
  return talk ? interactive(run) : answer_once(run);
}

}  // namespace

void add_run(CLI::App& app, int* exit_code) {
  auto run = std::make_shared<RunOptions>();
  CLI::App* verb = app.add_subcommand("run", "Chat with a model, or get one answer");
  verb->add_option("MODEL", run->chat.engine.model, "A name from 'hearth list' or a .gguf file; default: the default model")
      ->type_name("");
  verb->add_option("PROMPT", run->prompt, "What to answer; standard input is appended if it is no terminal")->type_name("");
  verb->add_option("--system", run->chat.system, "System prompt")->type_name("TEXT");
  verb->add_flag("--raw", run->chat.raw, "No chat template: the model continues the prompt");
  CLI::Option* think = verb->add_flag("--think", run->think, "The model reasons before it answers, if it can (shown on stderr)");
  verb->add_flag("--no-think", run->no_think, "It does not")->excludes(think);
  verb->add_flag("--local", run->chat.local, "Answer in this process, also where a server runs");
  verb->add_flag("--json", run->json, "Print one JSON object: text, reasoning, finish_reason, seed, counts and times");
  verb->add_flag("--verbose", run->verbose, "Counts, times and the seed after the answer (stderr)");
  verb->add_flag("-q,--quiet", run->quiet, "Nothing on stderr but errors");
  add_generation_options(verb, &run->chat.generation);
  add_shape_options(verb, &run->shape);
  add_draft_options(verb, &run->chat.draft);
  add_engine_options(verb, &run->chat.engine, /*with_context=*/true);
  add_adapter_option(verb, &run->chat.engine);
  verb->footer(
      "Without PROMPT at a terminal this is a chat; /? there shows its commands. A model that is not here is pulled first.\n"
      "A model without chat template continues the text.\n"
      "Where 'hearth serve' runs for the same user and HEARTH_HOME, it answers, with the same text; not if MODEL is a file, nor\n"
      "with --raw, --schema, --grammar, --choice, --threads, --isa, --ctx, --lora, --draft or another --kv than the server's.\n\n"
      "Examples:\n"
      "  hearth run                                         chat with the default model\n"
      "  hearth run smollm2:135m 'What is a hearth?'        one answer\n"
      "  hearth run smollm2:135m 'Summarise this:' < a.txt  prompt and standard input\n"
      "  hearth run smollm2:135m hello --temp 0 --json      the likeliest answer, as JSON\n"
      "  hearth run smollm2:135m 'Is fire hot?' --choice yes,no\n"
      "  hearth run smollm2:135m 'Ahoy!' --lora pirate.gguf=0.8\n"
      "  hearth run ./thinker.gguf 'How many days has a leap year?' --no-think\n"
      "  hearth run ./my-model.gguf --system 'Be brief.' --ctx 4096");
  verb->callback([run, exit_code] { *exit_code = run_verb(run.get()); });
}

}  // namespace hearth::cli
