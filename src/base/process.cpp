// fork and exec with pipes for stdout and stderr, and a poll loop that looks at the cancel flag.
//
// Contract: see process.h. Cancelling sends SIGTERM to the group, and SIGKILL to what is left after kGraceMs.
#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "base/os_error.h"

extern char** environ;

namespace hearth {
namespace {

constexpr int kTickMs = 100;
constexpr int kExitPollMs = 2;
constexpr int kGraceMs = 2000;
constexpr int kDrainRounds = 64;

struct Pipe {
  FileDescriptor read_end, write_end;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return os_error(errno, "cannot create a pipe");
  Pipe made{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return made;
}

std::vector<std::string> merged_environment(const std::vector<std::pair<std::string, std::string>>& extra) {
  std::vector<std::string> merged;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view item = *at;
    const std::string_view name = item.substr(0, item.find('='));
    bool replaced = false;
    for (const auto& [key, value] : extra) replaced = replaced || key == name;
    if (!replaced) merged.emplace_back(item);
  }
  for (const auto& [key, value] : extra) merged.push_back(key + "=" + value);
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Where the program is, by PATH as a shell would look.
Result<std::string> find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::vector<std::string> candidates;
  if (name.find('/') != std::string::npos) {
    candidates.push_back(name);
  } else {
    std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
    while (!rest.empty()) {
      const std::string_view folder = rest.substr(0, rest.find(':'));
      rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
      if (!folder.empty()) candidates.push_back(std::string(folder) + "/" + name);
    }
  }
  for (const std::string& candidate : candidates) {
    struct stat status {};
    const bool is_file = stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode);
    if (is_file && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return Error{ErrorCode::kNotFound, "cannot run " + name + ": no such program"};
}

// Between fork and exec: only calls that are safe there, since other threads of ours stand still with their locks.
[[noreturn]] void become(const char* program, char* const* arguments, char* const* environment, int output, int errors,
                         int failure, pid_t parent) {
  // A parent that is killed takes the child along; otherwise it would go on writing where the next run works.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  setpgid(0, 0);
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGHUP}) sigaction(number, &plain, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int empty = open("/dev/null", O_RDONLY);
  if (empty >= 0 && dup2(empty, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 && dup2(errors, STDERR_FILENO) >= 0) {
    execve(program, arguments, environment);
  }
  const int reason = errno;
  const ssize_t ignored = write(failure, &reason, sizeof reason);
  _exit(ignored == sizeof reason ? 127 : 126);
}

Result<pid_t> spawn(const ProcessOptions& options, int output, int errors) {
  std::vector<std::string> arguments = options.arguments;
  std::vector<std::string> environment = merged_environment(options.environment);
  const std::vector<char*> argument_pointers = pointers(arguments), environment_pointers = pointers(environment);
  const std::string program = TRY(find_program(arguments[0]));
  int ends[2];  // tells the reason if exec fails; exec itself closes it
  if (pipe2(ends, O_CLOEXEC) != 0) return os_error(errno, "cannot create a pipe");
  const FileDescriptor failure_read(ends[0]);
  FileDescriptor failure_write(ends[1]);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return os_error(errno, "cannot start " + program);
  if (child == 0) {
    become(program.c_str(), argument_pointers.data(), environment_pointers.data(), output, errors, failure_write.get(), parent);
  }
  failure_write.close();
  int reason = 0;
  ssize_t got = 0;
  do {
    got = read(failure_read.get(), &reason, sizeof reason);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof reason) return child;
  waitpid(child, nullptr, 0);
  return os_error(reason, "cannot run " + program);
}

// Moves what is there into `text`, of which the last `limit` bytes are kept. False at the end of the stream.
bool drain(int file_descriptor, std::string* text, size_t limit) {
  std::array<char, 16384> buffer;
  for (int round = 0; round < kDrainRounds; ++round) {  // bounded, so that a flood cannot keep us from the cancel flag
    const ssize_t got = read(file_descriptor, buffer.data(), buffer.size());
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    text->append(buffer.data(), static_cast<size_t>(got));
    if (text->size() > limit) text->erase(0, text->size() - limit);
  }
  return true;
}

void end_group(pid_t child) {
  int status = 0;
  kill(-child, SIGTERM);
  for (int waited = 0; waited < kGraceMs; waited += 20) {
    if (waitpid(child, &status, WNOHANG) != 0) {
      kill(-child, SIGKILL);  // its children, if they outlived it
      return;
    }
    poll(nullptr, 0, 20);
  }
  kill(-child, SIGKILL);
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
}

Result<void> check_running(const ProcessOptions& options) {
  if (options.cancel != nullptr && options.cancel->load()) {
    return Error{ErrorCode::kCancelled, options.arguments[0] + " was interrupted"};
  }
  if (options.tick) return options.tick();
  return {};
}

}  // namespace

Result<ProcessOutcome> run_process(const ProcessOptions& options) {
  if (options.arguments.empty()) return Error{ErrorCode::kInvalidArgument, "no program to run"};
  Pipe output = TRY(make_pipe());
  Pipe errors = TRY(make_pipe());
  const pid_t child = TRY(spawn(options, output.write_end.get(), errors.write_end.get()));
  output.write_end.close();
  errors.write_end.close();

  ProcessOutcome outcome;
  int status = 0;
  while (true) {
    std::array<pollfd, 2> waiting = {pollfd{output.read_end.get(), POLLIN, 0}, pollfd{errors.read_end.get(), POLLIN, 0}};
    // Both streams at their end: the exit follows at once.
    const bool streaming = output.read_end.valid() || errors.read_end.valid();
    poll(waiting.data(), waiting.size(), streaming ? kTickMs : kExitPollMs);
    const bool ended = waitpid(child, &status, WNOHANG) == child;
    // A closed stream has descriptor -1, which poll() ignores.
    if (output.read_end.valid() && !drain(output.read_end.get(), &outcome.output, options.output_limit)) output.read_end.close();
    if (errors.read_end.valid() && !drain(errors.read_end.get(), &outcome.errors, options.output_limit)) errors.read_end.close();
    if (ended) break;
    const Result<void> running = check_running(options);
    if (!running.ok()) {
      end_group(child);
      return running.error();
    }
  }
  outcome.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return outcome;
}

}  // namespace hearth
