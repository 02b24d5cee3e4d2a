// hearth tools: tries a file of tool definitions, by itself or against a model.
//
// Contract: definitions are read in the shapes of OpenAI (nested and flat) and Anthropic, as a list, {"tools": [...]} or a single
// one. Without a model every definition is checked as a server would check it, and its schema compiled; exit code 1 if one cannot
// be kept. With a model its calls are printed, one per line, or the text that it answered instead. Nothing is ever called.
// Not here: how calls are made (text/tools/), carrying them out.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/atomic_file.h"
#include "base/utf8.h"
#include "cli/chat/chat.h"
#include "cli/exit.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "nlohmann/json.hpp"
#include "server/tools/tool_request.h"
#include "text/tools/call_grammar.h"

namespace hearth::cli {
namespace {

using json = nlohmann::ordered_json;
using text::tools::ToolChoice;
using text::tools::ToolDefinition;
using text::tools::ToolRequest;

constexpr uint64_t kMaxToolFileBytes = uint64_t{4} << 20;

struct ToolOptions {
  Chat chat;
  std::string file, choice = "auto";
  std::vector<std::string> prompt;
  bool one_call = false, json = false, quiet = false, think = false, no_think = false;
};

// {"tools": [...]}, whatever the file has around them.
Result<json> tool_list(const std::string& path) {
  const std::string bytes = TRY(read_small_file(path, kMaxToolFileBytes));
  const server::Checked<json> parsed = server::parse_json(bytes);
  if (!parsed.ok()) return Error{ErrorCode::kInvalidArgument, path + ": " + parsed.error().message};
  const json& whole = *parsed;
  if (whole.is_array()) return json{{"tools", whole}};
  if (!whole.is_object()) return Error{ErrorCode::kInvalidArgument, path + ": it is no list of tools, but " + whole.type_name()};
  for (const char* name : {"tools", "functions"}) {
    if (whole.contains(name)) return json{{name, whole[name]}};
  }
  return json{{"tools", json::array({whole})}};
}

Result<ToolRequest> read_definitions(const std::string& path) {
  const json list = TRY(tool_list(path));
  const server::Checked<server::ToolWishes> wishes = server::read_tools(list, server::Dialect::kOpenAi);
  if (!wishes.ok()) return Error{ErrorCode::kInvalidArgument, path + ": " + wishes.error().message};
  const ToolRequest& request = wishes.value().request;
  if (request.tools.empty()) return Error{ErrorCode::kInvalidArgument, path + ": there are no tools in it"};
  TRY(check(request));
  return request;
}

Result<void> choose(const std::string& choice, ToolRequest* request) {
  if (choice == "auto" || choice == "none" || choice == "required") {
    request->choice = choice == "auto" ? ToolChoice::kAuto : choice == "none" ? ToolChoice::kNone : ToolChoice::kRequired;
    return {};
  }
  if (request->find(choice) == nullptr) {
    return Error{ErrorCode::kInvalidArgument, "--choice is auto, required, none or the name of a tool; there is no '" + printable(choice, 100) + "'"};
  }
  request->choice = ToolChoice::kNamed;
  request->name = choice;
  return {};
}

// Whether calls of this tool can be held to its schema.
Result<void> try_schema(const ToolDefinition& tool) {
  text::tools::AnswerGrammar answer;
  answer.format = text::tools::detect_format(nullptr, nullptr);
  answer.tools.tools = {tool};
  answer.tools.choice = ToolChoice::kRequired;
  TRY(text::tools::compile_answer(answer, std::nullopt));
  return {};
}

std::string arguments_of(const ToolDefinition& tool) {
  const json schema = json::parse(tool.parameters, nullptr, /*allow_exceptions=*/false);
  const auto properties = schema.is_object() ? schema.find("properties") : schema.end();
  if (!schema.is_object() || properties == schema.end() || !properties->is_object() || properties->empty()) return "no arguments";
  std::string names;
  for (const auto& [name, value] : properties->items()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

int validate(const ToolOptions& options, const ToolRequest& request) {
  json list = json::array();
  std::vector<std::pair<std::string, std::string>> lines;
  bool fine = true;
  for (const ToolDefinition& tool : request.tools) {
    const Result<void> tried = try_schema(tool);
    fine = fine && tried.ok();
    json entry = {{"name", tool.name}, {"ok", tried.ok()}};
    if (!tried.ok()) entry["error"] = tried.error().message;
    list.push_back(std::move(entry));
    lines.emplace_back(printable(tool.name, 100), printable(tried.ok() ? "ok: " + arguments_of(tool) : tried.error().message, 1000));
  }
  if (options.json) {
    std::printf("%s\n", json{{"tools", std::move(list)}}.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  } else {
    std::fputs(format_fields(lines).c_str(), stdout);
  }
  return fine ? kExitDone : kExitFailed;
}

void print_json(const Chat& chat, const GenerateResult& result, const GenerateOptions& options) {
  json calls = json::array(), malformed = json::array();
  for (const text::tools::ParsedCall& call : chat.said.calls) {
    json arguments = json::parse(call.arguments, nullptr, /*allow_exceptions=*/false);
    if (arguments.is_discarded()) arguments = call.arguments;
    calls.push_back({{"id", call.id}, {"name", call.name}, {"arguments", std::move(arguments)}});
  }
  for (const text::tools::MalformedCall& call : chat.said.malformed) malformed.push_back({{"raw", call.raw}, {"what", call.what}});
  json object = {{"model", chat.name}, {"calls", std::move(calls)}, {"malformed", std::move(malformed)}, {"text", result.text}};
  if (!chat.said.reasoning.empty()) object["reasoning"] = chat.said.reasoning;
  object["finish_reason"] = finish_reason_name(result.finish_reason);
  object["seed"] = options.sampler.seed;
  object["prompt_tokens"] = result.prompt_tokens;
  object["answer_tokens"] = result.tokens.size();
  object["prompt_ms"] = result.prompt_ms;
  object["answer_ms"] = result.decode_ms;
  object["in_server"] = chat.server.has_value();
  std::printf("%s\n", object.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
}

void print_answer(const Chat& chat, const GenerateResult& result, bool quiet) {
  const bool terminal = stdout_is_terminal();
  const auto line = [&](const std::string& text) { std::printf("%s\n", (terminal ? safe_for_terminal(text) : text).c_str()); };
  const Dim dim = dim_of_stderr();
  if (!quiet && !chat.said.reasoning.empty()) {
    std::fprintf(stderr, "%s%s%s\n", dim.on, safe_for_terminal(chat.said.reasoning).c_str(), dim.off);
  }
  if (result.text.find_first_not_of(" \n\t") != std::string::npos) line(result.text);
  for (const text::tools::ParsedCall& call : chat.said.calls) line(call.name + " " + call.arguments);
  for (const text::tools::MalformedCall& call : chat.said.malformed) {
    report({ErrorCode::kUnsupported, "a call that is none: " + printable(call.what, 300) + ": " + printable(call.raw, 1000)});
  }
  if (!quiet) std::fprintf(stderr, "[%s]\n", summary(chat, result).c_str());
}

int try_model(ToolOptions* options) {
  catch_interrupts();
  Chat& chat = options->chat;
  std::string prompt;
  for (const std::string& word : options->prompt) prompt += (prompt.empty() ? "" : " ") + word;
  const Result<void> loaded = load(&chat, chat.engine, options->quiet);
  if (!loaded.ok()) return report(loaded.error());
  if (chat.completes()) {
    return report({ErrorCode::kUnsupported, chat.name + " has no chat template: it cannot be told of tools"});
  }
  const GenerateOptions generation = for_one_answer(chat.generation);
  const Result<GenerateResult> result = ask(&chat, prompt, generation, {}, interrupt_flag());
  if (!result.ok()) return report(result.error());
  if (options->json) {
    print_json(chat, *result, generation);
  } else {
    print_answer(chat, *result, options->quiet);
  }
  if (result->finish_reason == FinishReason::kCancelled) return kExitInterrupted;
  return chat.said.malformed.empty() && result->finish_reason != FinishReason::kContextFull ? kExitDone : kExitFailed;
}

int run_verb(ToolOptions* options) {
  Result<ToolRequest> request = read_definitions(options->file);
  if (!request.ok()) return report(request.error());
  if (const Result<void> chosen = choose(options->choice, &*request); !chosen.ok()) return report(chosen.error());
  if (options->chat.engine.model.empty()) return validate(*options, *request);
  if (options->prompt.empty()) return report_usage("tools", "there is no prompt: say after MODEL what the model is to do");
  const Result<void> valid = text::validate(options->chat.generation.generate.sampler, INT32_MAX);
  if (!valid.ok()) return report(valid.error());
  request->parallel = !options->one_call;
  AnswerWishes& wishes = options->chat.wishes;
  wishes.tools = std::move(*request);
  if (options->think) wishes.reasoning.wish = text::tools::ReasoningWish::kOn;
  if (options->no_think) wishes.reasoning.wish = text::tools::ReasoningWish::kOff;
  return try_model(options);
}

}  // namespace

void add_tools(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<ToolOptions>();
  CLI::App* verb = app.add_subcommand("tools", "Check tool definitions, or see what a model calls");
  verb->add_option("FILE", options->file, "JSON with one or more definitions, as OpenAI or Anthropic have them")->type_name("")->required();
  verb->add_option("MODEL", options->chat.engine.model, "A name from 'hearth list' or a .gguf file; without it FILE is checked only")
      ->type_name("");
  verb->add_option("PROMPT", options->prompt, "What the model is to do")->type_name("");
  verb->add_option("--choice", options->choice, "auto (default), required, none, or the tool that has to be called")->type_name("CHOICE");
  verb->add_flag("--one-call", options->one_call, "At most one call in an answer");
  verb->add_option("--system", options->chat.system, "System prompt")->type_name("TEXT");
  CLI::Option* think = verb->add_flag("--think", options->think, "The model reasons before it answers, if it can");
  verb->add_flag("--no-think", options->no_think, "It does not")->excludes(think);
  verb->add_flag("--local", options->chat.local, "Answer in this process, also where a server runs");
  verb->add_flag("--json", options->json, "Print one JSON object");
  verb->add_flag("-q,--quiet", options->quiet, "Nothing on stderr but errors");
  add_generation_options(verb, &options->chat.generation);
  add_draft_options(verb, &options->chat.draft);
  add_engine_options(verb, &options->chat.engine, /*with_context=*/true);
  verb->footer(
      "Calls are printed as NAME ARGUMENTS, one per line; nothing is called. Arguments always satisfy the tool's schema. A call that\n"
      "broke off (--max-tokens) is an error, and exit code 1.\n\n"
      "Examples:\n"
      "  hearth tools weather.json                                       checks the definitions\n"
      "  hearth tools weather.json qwen2.5-coder:1.5b 'Rain in Bonn?'    what does the model call?\n"
      "  hearth tools weather.json qwen2.5-coder:1.5b 'Hi' --choice required --temp 0 --json\n"
      "  hearth tools weather.json qwen2.5-coder:1.5b 'Hi' --choice get_weather --one-call");
  verb->callback([options, exit_code] { *exit_code = run_verb(options.get()); });
}

}  // namespace hearth::cli
