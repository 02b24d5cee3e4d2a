// Contract and exclusions: cli/chat/commands.h.
#include "cli/chat/commands.h"

#include <charconv>
#include <cstdio>

#include "base/nearest.h"
#include "base/units.h"
#include "base/utf8.h"
#include "cli/chat/saved_chat.h"
#include "cli/terminal.h"

namespace hearth::cli {

namespace {

using Words = std::vector<std::string>;

constexpr const char* kHelp =
    "Commands:\n"
    "  /set parameter NAME VALUE   Set how answers are made; /set parameter lists the names\n"
    "  /set system \"TEXT\"          Set the system prompt (from the next message on)\n"
    "  /set think, /set nothink    Reasoning before the answer, for models that do it; /set think low, medium or high\n"
    "  /set verbose, /set quiet    Show counts, times and the seed after each answer, or one line\n"
    "  /show info                  The model and this chat\n"
    "  /show parameters            How answers are made now\n"
    "  /show system                The system prompt\n"
    "  /show template              The model's chat template\n"
    "  /show license               The model's licence\n"
    "  /save NAME                  Keep this chat\n"
    "  /load NAME                  Go on with a saved chat, or change to another model\n"
    "  /clear                      Forget what was said\n"
    "  /bye                        Leave (or Ctrl-D)\n"
    "  /help, /?                   This help; /? shortcuts for the keys\n"
    "\n"
    "\"\"\" begins and ends a message of several lines.\n";

constexpr const char* kShortcuts =
    "Keys:\n"
    "  Ctrl-C         Stop the answer, or give up the line\n"
    "  Ctrl-D         Leave (on an empty line)\n"
    "  Up, Down       Earlier lines; Ctrl-R searches them\n"
    "  Ctrl-A, E      Start and end of the line\n"
    "  Alt-B, F       One word back, forward\n"
    "  Ctrl-K, U, W   Delete to the end, the line, the word before\n"
    "  Ctrl-L         Clear the screen\n";

void say(const std::string& text) { std::fputs(safe_for_terminal(text).c_str(), stdout); }

void say_error(const Error& error) { say(error.message + "\n"); }

void list_parameters() {
  auto help = parameter_help();
  help.emplace_back("num_ctx", "The context in tokens (loads the model again)");
  say("Parameters for /set parameter NAME VALUE:\n" + format_fields(help));
}

Result<void> set_context(Chat* chat, const Words& values) {
  EngineOptions engine = chat->engine;
  const std::string text = values.size() == 1 ? values[0] : "";
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), engine.context);
  if (error != std::errc() || end != text.data() + text.size() || engine.context < 1) {
    return Error{ErrorCode::kInvalidArgument, "num_ctx takes one whole number above 0"};
  }
  return load(chat, engine, /*quiet=*/false);
}

void set_one_parameter(const Words& words, Chat* chat) {
  if (words.size() < 4 && !(words.size() == 3 && words[2] == "stop")) return list_parameters();
  const Words values(words.begin() + 3, words.end());
  const bool context = words[2] == "num_ctx";
  const Result<void> done = context ? set_context(chat, values) : set_parameter(&chat->generation, words[2], values);
  if (!done.ok()) return say_error(done.error());
  if (context) return say("num_ctx is " + std::to_string(chat->info.context) + "\n");
  for (const auto& [name, value] : parameter_values(chat->generation)) {
    if (name == words[2]) say(name + " is " + value + "\n");
  }
}

void set_system(const Words& words, Chat* chat) {
  if (words.size() != 3) return say("usage: /set system \"TEXT\"; \"\" for none\n");
  chat->system = words[2];
  if (chat->completes()) {
    say("The system prompt is kept, but this model only continues text and does not see it.\n");
  } else {
    say(words[2].empty() ? "There is no system prompt now.\n" : "The system prompt is set.\n");
  }
}

void set_thinking(const Words& words, Chat* chat) {
  text::tools::ReasoningRequest& reasoning = chat->wishes.reasoning;
  const std::string level = words.size() > 2 ? words[2] : "";
  if (words[1] == "think" && !level.empty() && level != "low" && level != "medium" && level != "high") {
    return say("usage: /set think, /set think low, medium or high, /set nothink\n");
  }
  reasoning.wish = words[1] == "think" ? text::tools::ReasoningWish::kOn : text::tools::ReasoningWish::kOff;
  reasoning.effort = words[1] == "think" ? level : "";
  say(words[1] == "think" ? "The model reasons before it answers, if it can.\n" : "The model answers at once.\n");
}

void set(const Words& words, Chat* chat, bool* verbose) {
  const std::string what = words.size() > 1 ? words[1] : "";
  if (what == "parameter" || what == "parameters") return set_one_parameter(words, chat);
  if (what == "system") return set_system(words, chat);
  if (what == "think" || what == "nothink") return set_thinking(words, chat);
  if (what == "verbose" || what == "quiet") {
    *verbose = what == "verbose";
    return say(*verbose ? "Each answer is followed by its figures.\n" : "Each answer is followed by one line.\n");
  }
  say("usage: /set parameter NAME VALUE, /set system \"TEXT\", /set think, /set nothink, /set verbose or /set quiet\n");
}

void show_info(const Chat& chat) {
  const ModelInfo& info = chat.info;
  say(format_fields({{"model", chat.name},
                     {"name in the file", info.name},
                     {"architecture", info.architecture},
                     {"parameters", format_count(static_cast<uint64_t>(info.parameter_count))},
                     {"quantisation", info.quantisation},
                     {"file", info.path + ", " + format_bytes(static_cast<uint64_t>(info.file_bytes))},
                     {"trained for", std::to_string(info.context_trained) + " tokens"},
                     {"context", std::to_string(chat.context_used) + " of " + std::to_string(info.context) +
                                     " tokens used"},
                     {"messages", std::to_string(chat.messages.size())},
                     {"runs on", std::to_string(info.threads) + " threads, " + info.isa +
                                     (chat.server ? ", in the running server" : ", in this process")}}));
}

void show_license(const Chat& chat) {
  const library::Installed& file = chat.file;
  const std::string& licence = !file.licence.empty() ? file.licence : chat.info.licence;
  if (licence.empty()) return say("The file does not state a licence.\n");
  std::string text = licence + (file.licence_class.empty() ? "" : " (" + file.licence_class + ")") + "\n";
  if (!file.licence_url.empty()) text += file.licence_url + "\n";
  if (!file.licence_note.empty()) text += file.licence_note + "\n";
  say(text);
}

void show(const Words& words, const Chat& chat) {
  const std::string what = words.size() > 1 ? words[1] : "";
  if (what == "info") return show_info(chat);
  if (what == "parameters") return say(format_fields(parameter_values(chat.generation)));
  if (what == "system") return say(chat.system.empty() ? "There is no system prompt.\n" : chat.system + "\n");
  if (what == "license" || what == "licence") return show_license(chat);
  if (what == "template") {
    const std::string& source = chat.info.chat_template;
    return say(source.empty() ? "The model has no chat template.\n" : source + "\n");
  }
  say("usage: /show info, parameters, system, template or license\n");
}

void save(const Words& words, const std::string& home, const Chat& chat) {
  if (words.size() != 2) return say("usage: /save NAME\n");
  const SavedChat saved{chat.engine.model.empty() ? chat.name : chat.engine.model, chat.system, chat.generation,
                        chat.messages};
  const Result<void> done = save_chat(home, words[1], saved);
  if (!done.ok()) return say_error(done.error());
  say("Saved. /load " + words[1] + " goes on with it.\n");
}

Result<void> continue_saved(const SavedChat& saved, Chat* chat) {
  if (saved.model != chat->engine.model && saved.model != chat->name) {
    EngineOptions engine = chat->engine;
    engine.model = saved.model;
    engine.adapters.clear();  // they were made for another model
    TRY(load(chat, engine, /*quiet=*/false));
  }
  chat->system = saved.system;
  chat->generation = saved.generation;
  chat->messages = saved.messages;
  return {};
}

void load_either(const Words& words, const std::string& home, Chat* chat) {
  if (words.size() != 2) {
    std::string names;
    for (const std::string& name : saved_chat_names(home)) names += "  " + name + "\n";
    return say("usage: /load NAME, a saved chat or a model\n" + (names.empty() ? "" : "Saved chats:\n" + names));
  }
  const Result<SavedChat> saved = load_chat(home, words[1]);
  if (saved.ok()) {
    const Result<void> done = continue_saved(*saved, chat);
    if (!done.ok()) return say_error(done.error());
    return say("Going on with " + words[1] + ": " + std::to_string(chat->messages.size()) + " messages, " +
               chat->name + ".\n");
  }
  if (saved.error().code != ErrorCode::kNotFound && saved.error().code != ErrorCode::kInvalidArgument) {
    return say_error(saved.error());
  }
  EngineOptions engine = chat->engine;
  engine.model = words[1];
  engine.adapters.clear();
  const Result<void> done = load(chat, engine, /*quiet=*/false);
  if (!done.ok()) return say("There is no saved chat '" + words[1] + "'; as a model: " + done.error().message + "\n");
  chat->messages.clear();
  say(describe(*chat) + "\n");
}

}  // namespace

std::vector<std::string> split_words(std::string_view line) {
  static constexpr std::string_view kLong = "\"\"\"";
  Words words;
  const auto is_space = [](char byte) { return byte == ' ' || byte == '\t' || byte == '\n'; };
  for (size_t i = 0; i < line.size();) {
    if (is_space(line[i])) {
      ++i;
    } else if (line.substr(i).starts_with(kLong)) {
      const size_t end = line.find(kLong, i + kLong.size());
      words.emplace_back(line.substr(i + kLong.size(), end == line.npos ? end : end - i - kLong.size()));
      i = end == line.npos ? line.size() : end + kLong.size();
    } else if (line[i] == '"') {
      std::string word;
      for (++i; i < line.size() && line[i] != '"'; ++i) {
        if (line[i] == '\\' && i + 1 < line.size() && (line[i + 1] == '"' || line[i + 1] == '\\')) ++i;
        word += line[i];
      }
      words.push_back(std::move(word));
      ++i;
    } else {
      const size_t begin = i;
      while (i < line.size() && !is_space(line[i])) ++i;
      words.emplace_back(line.substr(begin, i - begin));
    }
  }
  return words;
}

AfterCommand run_command(const std::string& line, const std::string& home, Chat* chat, bool* verbose) {
  Words words = split_words(line);
  const std::string command = words.empty() ? "" : words[0];
  // What follows "/set system" without quotes is one text, as people type it.
  if (command == "/set" && words.size() > 3 && words[1] == "system" && line.find('"') == std::string::npos) {
    words = {"/set", "system", line.substr(line.find(words[2], line.find("system") + 6))};
  }
  if (command == "/bye" || command == "/exit") return AfterCommand::kLeave;
  if (command == "/set") {
    set(words, chat, verbose);
  } else if (command == "/show") {
    show(words, *chat);
  } else if (command == "/save") {
    save(words, home, *chat);
  } else if (command == "/load") {
    load_either(words, home, chat);
  } else if (command == "/clear") {
    chat->messages.clear();
    say("Cleared what was said.\n");
  } else if (command == "/help" || command == "/?") {
    say(words.size() > 1 && words[1].starts_with("shortcut") ? kShortcuts : kHelp);
  } else {
    const std::vector<std::string> near =
        nearest(command, {"/set", "/show", "/save", "/load", "/clear", "/bye", "/help", "/?"});
    say("There is no command '" + printable(command, 40) + "'" +
        (near.empty() ? "" : "; did you mean " + join_or(near) + "?") + " Type /? for help.\n");
  }
  return AfterCommand::kGoOn;
}

}  // namespace hearth::cli
