// Contract and exclusions: cli/chat/line_editor.h.
//
// Ctrl-C reaches the editor as a character, not as a signal (libedit restarts an interrupted read), and SIGTERM has its
// default meaning while a line is being typed. Pastes are recognised by the terminal's brackets, ESC [200~ ... ESC [201~.
#include "cli/chat/line_editor.h"

#include <histedit.h>
#include <signal.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>

namespace hearth::cli {

namespace {

constexpr int kHistoryEntries = 1000;
constexpr size_t kMaxPaste = size_t{1} << 24;  // wide characters

const char* prompt_of(EditLine* editor);
unsigned char on_interrupt(EditLine* editor, int);
unsigned char on_suspend(EditLine* editor, int);
unsigned char on_paste(EditLine* editor, int);

void write_terminal(const char* text, size_t size) {
  // A terminal that cannot be written to shows in the next read.
  if (write(STDOUT_FILENO, text, size) < 0) return;
}

}  // namespace

struct LineEditor::Impl {
  EditLine* editor = nullptr;
  History* history = nullptr;
  std::string prompt;
  bool interrupted = false;
  std::string typed;  // at the moment of Ctrl-C
};

namespace {

LineEditor::Impl* impl_of(EditLine* editor) {
  void* data = nullptr;
  el_get(editor, EL_CLIENTDATA, &data);
  return static_cast<LineEditor::Impl*>(data);
}

const char* prompt_of(EditLine* editor) { return impl_of(editor)->prompt.c_str(); }

unsigned char on_interrupt(EditLine* editor, int) {
  LineEditor::Impl* impl = impl_of(editor);
  impl->interrupted = true;
  const LineInfo* line = el_line(editor);
  impl->typed.assign(line->buffer, line->lastchar);
  return CC_EOF;
}

unsigned char on_suspend(EditLine* editor, int) {
  el_set(editor, EL_PREP_TERM, 0);
  raise(SIGTSTP);
  el_set(editor, EL_PREP_TERM, 1);
  return CC_REDISPLAY;
}

unsigned char on_paste(EditLine* editor, int) {
  static constexpr wchar_t kEnd[] = L"\033[201~";
  constexpr size_t kEndLength = sizeof kEnd / sizeof *kEnd - 1;
  std::wstring pasted;
  wchar_t character;
  while (pasted.size() < kMaxPaste && el_wgetc(editor, &character) == 1) {
    pasted += character == L'\r' ? L'\n' : character;
    if (pasted.ends_with(kEnd)) {
      pasted.resize(pasted.size() - kEndLength);
      break;
    }
  }
  while (pasted.ends_with(L'\n')) pasted.pop_back();
  if (!pasted.empty() && el_winsertstr(editor, pasted.c_str()) != 0) return CC_ERROR;
  return CC_REFRESH;
}

// While it lives, SIGINT and SIGTERM end the program.
class DefaultSignals {
 public:
  DefaultSignals() {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    sigaction(SIGINT, &standard, &interrupt_);
    sigaction(SIGTERM, &standard, &terminate_);
  }
  ~DefaultSignals() {
    sigaction(SIGINT, &interrupt_, nullptr);
    sigaction(SIGTERM, &terminate_, nullptr);
  }

 private:
  struct sigaction interrupt_ {}, terminate_ {};
};

}  // namespace

LineEditor::LineEditor() : impl_(std::make_unique<Impl>()) {
  // Without a character set (LANG unset) bytes above 127 could not be typed.
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
  EditLine* editor = el_init("hearth", stdin, stdout, stderr);
  impl_->editor = editor;
  if (editor == nullptr) return;
  el_set(editor, EL_CLIENTDATA, impl_.get());
  el_set(editor, EL_PROMPT, prompt_of);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_SIGNAL, 1);
  el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
  el_set(editor, EL_ADDFN, "hearth-interrupt", "Give up the line", on_interrupt);
  el_set(editor, EL_ADDFN, "hearth-suspend", "Suspend the program", on_suspend);
  el_set(editor, EL_ADDFN, "hearth-paste", "Insert pasted text", on_paste);
  el_set(editor, EL_BIND, "^C", "hearth-interrupt", nullptr);
  el_set(editor, EL_BIND, "^Z", "hearth-suspend", nullptr);
  el_set(editor, EL_BIND, "\033[200~", "hearth-paste", nullptr);
  el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_set(editor, EL_BIND, "^I", "ed-insert", nullptr);
  el_set(editor, EL_BIND, "\033[1;5C", "em-next-word", nullptr);
  el_set(editor, EL_BIND, "\033[1;5D", "ed-prev-word", nullptr);
  el_set(editor, EL_BIND, "\033[3~", "ed-delete-next-char", nullptr);
  impl_->history = history_init();
  if (impl_->history != nullptr) {
    HistEvent event;
    history(impl_->history, &event, H_SETSIZE, kHistoryEntries);
    history(impl_->history, &event, H_SETUNIQUE, 1);
    el_set(editor, EL_HIST, history, impl_->history);
  }
}

LineEditor::~LineEditor() {
  if (impl_->editor != nullptr) el_end(impl_->editor);
  if (impl_->history != nullptr) history_end(impl_->history);
}

LineEditor::Outcome LineEditor::read(const std::string& prompt, std::string* line) {
  static constexpr char kPasteOn[] = "\033[?2004h", kPasteOff[] = "\033[?2004l";
  line->clear();
  if (impl_->editor == nullptr) return Outcome::kEnd;
  impl_->prompt = prompt;
  impl_->interrupted = false;
  int length = 0;
  const char* text = nullptr;
  {
    const DefaultSignals signals;
    std::fflush(stdout);
    // libedit shows the prompt first and leaves the terminal's line mode later: a Ctrl-C in between would end the program.
    el_set(impl_->editor, EL_PREP_TERM, 1);
    write_terminal(kPasteOn, sizeof kPasteOn - 1);
    el_resize(impl_->editor);
    text = el_gets(impl_->editor, &length);
    write_terminal(kPasteOff, sizeof kPasteOff - 1);
  }
  if (impl_->interrupted) {
    *line = impl_->typed;
    return Outcome::kInterrupted;
  }
  if (text == nullptr || length <= 0) return Outcome::kEnd;
  line->assign(text, static_cast<size_t>(length));
  if (line->ends_with('\n')) line->pop_back();
  return Outcome::kLine;
}

void LineEditor::add_history(const std::string& entry) {
  if (impl_->history == nullptr || entry.empty()) return;
  HistEvent event;
  history(impl_->history, &event, H_ENTER, entry.c_str());
}

}  // namespace hearth::cli
