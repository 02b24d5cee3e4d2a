// How a verb ends: exit codes, error messages and Ctrl-C.
//
// Contract: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted. Errors are one line "hearth: message" on stderr.
// Not here: what went wrong in words; the Error says that.
#pragma once

#include <atomic>
#include <string_view>

#include "hearth/error.h"

namespace hearth::cli {

constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitInterrupted = 130;

// Prints the error and returns the exit code that belongs to it: kCancelled 130, kInvalidArgument 2, all others 1.
int report(const Error& error);
// A wrong use of `verb`: prints the message and where help is; returns kExitUsage.
int report_usage(std::string_view verb, std::string_view message);

// Set by Ctrl-C (SIGINT) and SIGTERM once catch_interrupts() was called. A second signal ends the program at once unless
// the flag was cleared in between.
const std::atomic<bool>* interrupt_flag();
void catch_interrupts();
void clear_interrupt();

}  // namespace hearth::cli
