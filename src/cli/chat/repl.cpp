// Contract and exclusions: cli/chat/repl.h.
#include "cli/chat/repl.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>

#include "base/atomic_file.h"
#include "base/utf8.h"
#include "cli/chat/commands.h"
#include "cli/chat/history_file.h"
#include "cli/chat/line_editor.h"
#include "cli/exit.h"
#include "cli/terminal.h"

namespace hearth::cli {

namespace {

constexpr const char* kPrompt = ">>> ";
constexpr const char* kMorePrompt = "... ";
constexpr std::string_view kLong = "\"\"\"";
constexpr int64_t kLongPrompt = 600;  // tokens from which reading the prompt is worth a line

// While it lives, keys that are typed ahead do not show up in the middle of an answer.
class NoEcho {
 public:
  NoEcho() {
    known_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    if (!known_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet);
  }
  ~NoEcho() {
    if (known_) tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  }

 private:
  termios before_{};
  bool known_ = false;
};

enum class Input { kMessage, kNothing, kEnd };

class Repl {
 public:
  Repl(const std::string& home, Chat* chat, bool verbose)
      : home_(home), chat_(chat), verbose_(verbose), history_(home) {
    // Without the folder there is no history; nothing else needs it.
    static_cast<void>(make_directories(home).ok());
    for (const std::string& entry : history_.load()) editor_.add_history(entry);
  }

  int run() {
    catch_interrupts();
    signal(SIGTERM, SIG_DFL);  // ends the program, not an answer
    greet();
    for (std::string message;;) {
      const Input input = read(&message);
      if (input == Input::kEnd) return kExitDone;
      if (input == Input::kNothing) continue;
      if (message[0] == '/') {
        clear_interrupt();
        if (run_command(message, home_, chat_, &verbose_) == AfterCommand::kLeave) return kExitDone;
        clear_interrupt();
      } else {
        answer(message);
      }
      std::fflush(stdout);
    }
  }

 private:
  void greet() {
    std::printf("%s%s%s\n", dim_.on, safe_for_terminal(describe(*chat_)).c_str(), dim_.off);
    if (chat_->completes()) {
      std::printf("%sIt continues the text you type; each message starts anew.%s\n", dim_.on, dim_.off);
    }
    std::printf("%sSend a message (/? for help, Ctrl-D to leave)%s\n", dim_.on, dim_.off);
  }

  // One message: a line, or all lines up to the closing """.
  Input read(std::string* message) {
    LineEditor::Outcome outcome = editor_.read(kPrompt, message);
    if (outcome == LineEditor::Outcome::kEnd) return end_of_input();
    if (outcome == LineEditor::Outcome::kInterrupted) return interrupted(*message);
    const size_t opening = opening_quotes(*message);
    if (opening != std::string::npos) {
      std::string line;
      while (message->find(kLong, opening + kLong.size()) == std::string::npos) {
        outcome = editor_.read(kMorePrompt, &line);
        if (outcome == LineEditor::Outcome::kEnd) return end_of_input();
        if (outcome == LineEditor::Outcome::kInterrupted) return interrupted("...");
        *message += "\n" + line;
      }
    }
    remember(*message);
    if (opening == 0) {
      const size_t closing = message->find(kLong, kLong.size());
      *message = message->substr(kLong.size(), closing - kLong.size());
      if (message->starts_with('\n')) message->erase(0, 1);
      if (message->ends_with('\n')) message->pop_back();
      if (message->starts_with('/')) message->insert(0, " ");  // quoted, so it is no command
    }
    if (message->find_first_not_of(" \t\n") == std::string::npos) return Input::kNothing;
    if (opening == std::string::npos) message->erase(0, message->find_first_not_of(" \t"));
    return Input::kMessage;
  }

  // Where """ opens a text in a message or in "/set system"; npos if nowhere.
  static size_t opening_quotes(const std::string& line) {
    if (line.starts_with(kLong)) return 0;
    return line.starts_with("/set system") ? line.find(kLong) : std::string::npos;
  }

  Input end_of_input() {
    std::printf("\n");
    return Input::kEnd;
  }

  Input interrupted(const std::string& typed) {
    std::printf("%s", typed.empty() ? "\nCtrl-D or /bye leaves.\n" : "^C\n");
    return Input::kNothing;
  }

  void remember(const std::string& entry) {
    if (entry.find_first_not_of(" \t\n") == std::string::npos) return;
    editor_.add_history(entry);
    history_.append(entry);
  }

  void answer(const std::string& message) {
    const GenerateOptions options = for_one_answer(chat_->generation);
    bool working = false;
    const auto erase_progress = [&] {
      if (working) std::fputs("\r\033[K", stdout);
      working = false;
    };
    ChatCallbacks callbacks;
    bool line_open = false, thinking = false;
    const auto show = [&](std::string_view text) {
      erase_progress();
      const std::string safe = safe_for_terminal(text);
      std::fputs(safe.c_str(), stdout);
      std::fflush(stdout);
      if (!safe.empty()) line_open = safe.back() != '\n';
    };
    const auto end_thinking = [&] {
      if (thinking) std::printf("%s%s\n", line_open ? "\n" : "", dim_.off);
      if (thinking) line_open = false;
      thinking = false;
    };
    callbacks.on_reasoning = [&](std::string_view text) {
      erase_progress();
      if (!thinking) std::fputs(dim_.on, stdout);
      thinking = true;
      show(text);
    };
    callbacks.on_text = [&](std::string_view text) {
      end_thinking();
      show(text);
    };
    callbacks.on_prompt = [&](int64_t done, int64_t total) {
      if (total < kLongPrompt) return;
      std::printf("\r%sreading %lld of %lld tokens%s", dim_.on, static_cast<long long>(done),
                  static_cast<long long>(total), dim_.off);
      std::fflush(stdout);
      working = true;
    };
    clear_interrupt();
    const Result<GenerateResult> result = [&] {
      const NoEcho no_echo;
      return ask(chat_, message, options, callbacks, interrupt_flag());
    }();
    clear_interrupt();
    erase_progress();
    end_thinking();
    if (line_open) std::fputs("\n", stdout);
    if (!result.ok()) return complain(result.error());
    const std::string figures = verbose_ ? details(*chat_, *result, options) : "[" + summary(*chat_, *result) + "]\n";
    std::printf("%s%s%s", dim_.on, safe_for_terminal(figures).c_str(), dim_.off);
  }

  void complain(const Error& error) {
    std::printf("%s\n", safe_for_terminal(error.message).c_str());
    if (error.code == ErrorCode::kContextFull) {
      std::printf("Here: /clear forgets what was said, /set parameter num_ctx N takes a larger context.\n");
    }
  }

  const std::string home_;
  Chat* chat_;
  bool verbose_;
  HistoryFile history_;
  LineEditor editor_;
  const Dim dim_ = dim();
};

}  // namespace

int run_repl(const std::string& home, Chat* chat, bool verbose) { return Repl(home, chat, verbose).run(); }

}  // namespace hearth::cli
