// ReadingLine: a line on the terminal for as long as a model is being read from disk and that takes noticeably long.
//
// Contract: while it lives, a thread of its own shows how far reading has got, its rate and the time left on stderr, from
// half a second on; nothing if stderr is no terminal, if quiet, or if the model is in memory. finish() takes the line away;
// nothing else may be written to the terminal before that. The engine must outlive it.
// Not here: reading (engine), other progress (cli/terminal.h).
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "hearth/engine.h"

namespace hearth::cli {

class ReadingLine {
 public:
  ReadingLine(const Engine& engine, std::string label, bool quiet);
  ReadingLine(const ReadingLine&) = delete;
  ReadingLine& operator=(const ReadingLine&) = delete;
  ~ReadingLine() { finish(); }
  void finish();

 private:
  void show();

  const Engine& engine_;
  const std::string label_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool finished_ = false;
  std::thread thread_;
};

}  // namespace hearth::cli
