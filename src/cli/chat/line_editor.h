// One line from a person at a terminal, with editing and history (libedit).
//
// Contract: text pasted in one go is one line, newlines included. Ctrl-C gives up the line, Ctrl-D on an empty line is the
// end. The terminal is as before between calls. One editor per program.
// Not here: what lines mean, the history's file (chat/history_file.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace hearth::cli {

class LineEditor {
 public:
  enum class Outcome { kLine, kInterrupted, kEnd };

  LineEditor();
  ~LineEditor();
  // `line` comes without its final newline. After kInterrupted it holds what had been typed.
  Outcome read(const std::string& prompt, std::string* line);
  void add_history(const std::string& entry);

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::cli
