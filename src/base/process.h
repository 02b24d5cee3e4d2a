// Runs another program to its end: no shell, output captured, cancellable.
//
// Contract: the child leads a process group of its own, so Ctrl-C reaches only us and cancelling ends its children too; it is
// killed if we are. Its stdin is empty. Blocks the calling thread; any thread may call.
// Not here: long-lived children, pseudo terminals.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "hearth/error.h"

namespace hearth {

struct ProcessOptions {
  std::vector<std::string> arguments;  // the program, looked up on PATH, and its arguments
  std::vector<std::pair<std::string, std::string>> environment;  // added to ours, or replacing
  size_t output_limit = 64 * 1024;     // last bytes kept of stdout and of stderr
  const std::atomic<bool>* cancel = nullptr;
  // Called about ten times a second while the program runs; an error ends the program and is returned.
  std::function<Result<void>()> tick;
};

struct ProcessOutcome {
  int exit_code = 0;   // 128 + signal if a signal ended it
  std::string output;  // stdout
  std::string errors;  // stderr
};

// Errors: kNotFound (no such program), kCancelled, what tick returned, kIo.
Result<ProcessOutcome> run_process(const ProcessOptions& options);

}  // namespace hearth
