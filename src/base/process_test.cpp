// Running programs: output, exit codes, signals, cancelling, no shell.
#include "base/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

namespace hearth {
namespace {

using ::testing::HasSubstr;

ProcessOptions shell(const std::string& script) {
  ProcessOptions options;
  options.arguments = {"sh", "-c", script};
  return options;
}

TEST(Process, CapturesOutputErrorsAndExitCode) {
  const Result<ProcessOutcome> outcome = run_process(shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->output, "out\n");
  EXPECT_EQ(outcome->errors, "err\n");
  EXPECT_EQ(outcome->exit_code, 3);
  EXPECT_EQ(run_process(shell("kill -9 $$"))->exit_code, 128 + 9);
}

TEST(Process, ArgumentsAreNotReadByAShell) {
  ProcessOptions options;
  options.arguments = {"printf", "%s|", "a b", "$HOME", "`x`", "; exit"};
  EXPECT_EQ(run_process(options)->output, "a b|$HOME|`x`|; exit|");
}

TEST(Process, AbsentProgramIsNotFound) {
  ProcessOptions options;
  options.arguments = {"hearth-no-such-program"};
  const Result<ProcessOutcome> outcome = run_process(options);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(outcome.error().message, HasSubstr("hearth-no-such-program"));
  options.arguments.clear();
  EXPECT_FALSE(run_process(options).ok());
}

TEST(Process, EnvironmentIsAddedAndReplaced) {
  setenv("HEARTH_TEST_A", "before", 1);
  ProcessOptions options = shell("echo $HEARTH_TEST_A $HEARTH_TEST_B");
  options.environment = {{"HEARTH_TEST_A", "after"}, {"HEARTH_TEST_B", "new"}};
  EXPECT_EQ(run_process(options)->output, "after new\n");
  unsetenv("HEARTH_TEST_A");
}

TEST(Process, StdinIsEmpty) { EXPECT_EQ(run_process(shell("cat; echo end"))->output, "end\n"); }

TEST(Process, KeepsTheLastBytesOfALongOutput) {
  ProcessOptions options = shell("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done");
  options.output_limit = 10;
  EXPECT_EQ(run_process(options)->output, "2998\n2999\n");
}

TEST(Process, CancelEndsTheWholeGroup) {
  // A grandchild holds the other end of a pipe of ours; its end shows there.
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ProcessOptions options = shell("sleep 1000 & echo started >&" + std::to_string(ends[1]) + "; wait");
  std::atomic<bool> cancel{false};
  options.cancel = &cancel;
  std::thread interrupter([&] {
    char byte = 0;
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
    cancel = true;
  });
  const Result<ProcessOutcome> outcome = run_process(options);
  interrupter.join();
  EXPECT_EQ(outcome.error().code, ErrorCode::kCancelled);
  close(ends[1]);
  char rest[64];
  while (read(ends[0], rest, sizeof rest) > 0) {
  }  // returns only once nobody holds the pipe
  close(ends[0]);
}

TEST(Process, CancelOvercomesAnIgnoredSignal) {
  std::atomic<bool> cancel{true};
  ProcessOptions options = shell("trap '' TERM; while :; do sleep 0.05; done");
  options.cancel = &cancel;
  EXPECT_EQ(run_process(options).error().code, ErrorCode::kCancelled);
}

TEST(Process, ErrorOfTickEndsTheProgram) {
  ProcessOptions options = shell("sleep 1000");
  options.tick = []() -> Result<void> { return Error{ErrorCode::kResource, "enough"}; };
  EXPECT_EQ(run_process(options).error().message, "enough");
}

}  // namespace
}  // namespace hearth
