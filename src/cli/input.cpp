// Contract and exclusions: cli/input.h.
#include "cli/input.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>

#include "base/atomic_file.h"
#include "base/os_error.h"
#include "base/utf8.h"
#include "cli/exit.h"
#include "cli/terminal.h"

namespace hearth::cli {

namespace {

constexpr int kPatienceMs = 2000;

// True once there is something to read, or the end; false on Ctrl-C.
bool wait_for_input() {
  bool told = false;
  for (;;) {
    if (interrupt_flag()->load()) return false;
    pollfd descriptor{STDIN_FILENO, POLLIN, 0};
    const int ready = poll(&descriptor, 1, told ? -1 : (stdin_is_terminal() ? 0 : kPatienceMs));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // read() will say what is wrong
    if (ready == 0) {
      std::fputs(stdin_is_terminal() ? "(type the text, then Ctrl-D on a line of its own)\n"
                                     : "(reading standard input until it ends; </dev/null if there is none)\n",
                 stderr);
      told = true;
    }
  }
}

bool is_space(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

}  // namespace

Result<std::string> read_standard_input() {
  catch_interrupts();
  std::string text;
  char buffer[65536];
  bool first = true;
  for (;;) {
    if (first && !wait_for_input()) return Error{ErrorCode::kCancelled, "interrupted"};
    first = false;
    const ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) {
      if (interrupt_flag()->load()) return Error{ErrorCode::kCancelled, "interrupted"};
      continue;
    }
    if (got < 0) return os_error(errno, "cannot read standard input");
    if (got == 0) return text;
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > kMaxInputBytes) {
      return Error{ErrorCode::kResource,
                   "standard input has more than " + std::to_string(kMaxInputBytes) + " bytes; give it in parts"};
    }
  }
}

Result<std::string> read_text_file(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return os_error(errno, "cannot open " + printable(path));
  if (S_ISDIR(status.st_mode)) {
    return Error{ErrorCode::kInvalidArgument, printable(path) + " is a folder; name a text file"};
  }
  return read_small_file(path, kMaxInputBytes);
}

Result<std::vector<int32_t>> parse_token_ids(std::string_view text, int64_t vocabulary) {
  std::vector<int32_t> ids;
  for (size_t begin = 0; begin < text.size();) {
    if (is_space(text[begin])) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < text.size() && !is_space(text[end])) ++end;
    const std::string_view word = text.substr(begin, end - begin);
    int32_t id = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    const std::string where = "token " + std::to_string(ids.size() + 1) + " of the file, '" + printable(word, 40) + "',";
    if (error == std::errc::invalid_argument || stop != word.data() + word.size()) {
      return Error{ErrorCode::kInvalidArgument, where + " is no whole number"};
    }
    if (error != std::errc() || id < 0 || id >= vocabulary) {
      return Error{ErrorCode::kInvalidArgument,
                   where + " is not in the vocabulary, which has the ids 0 to " + std::to_string(vocabulary - 1)};
    }
    ids.push_back(id);
    begin = end;
  }
  return ids;
}

}  // namespace hearth::cli
