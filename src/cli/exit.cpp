// Exit codes, error lines and the interrupt flag.
//
// Contract: see exit.h. The signal handler touches one lock-free atomic and nothing else.
#include "cli/exit.h"

#include <csignal>
#include <cstdio>
#include <string>

namespace hearth::cli {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int) {
  if (interrupted.exchange(true)) _Exit(kExitInterrupted);
}

}  // namespace

int report(const Error& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "hearth: %s\n", error.message.c_str());
  if (error.code == ErrorCode::kCancelled) return kExitInterrupted;
  return error.code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed;
}

int report_usage(std::string_view verb, std::string_view message) {
  std::fflush(stdout);
  const std::string command = verb.empty() ? std::string("hearth") : "hearth " + std::string(verb);
  std::fprintf(stderr, "hearth: %.*s\n(%s --help shows how it is used)\n", static_cast<int>(message.size()),
               message.data(), command.c_str());
  return kExitUsage;
}

const std::atomic<bool>* interrupt_flag() { return &interrupted; }

void clear_interrupt() { interrupted.store(false); }

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  // No SA_RESTART: a blocking read or wait returns, and its caller looks at the flag.
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace hearth::cli
