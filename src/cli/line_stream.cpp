// Contract and exclusions: cli/line_stream.h.
#include "cli/line_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <string_view>

namespace hearth::cli {

namespace {

constexpr int kLookMilliseconds = 50;  // at the flag, while nothing comes
constexpr size_t kMaxHeadBytes = 64 << 10;

Error broken_off() {
  return {ErrorCode::kIo, "the running server went away in the middle of the answer (it was stopped, or it crashed): ask again, "
                          "or with --local to answer in this process"};
}
Error no_server_answer() { return {ErrorCode::kCorrupt, "what answers at the socket of HEARTH_HOME is no server of Hearth's"}; }

}  // namespace

// False at the end of what comes.
Result<bool> LineStream::receive(const std::atomic<bool>* cancel) {
  char piece[16384];
  for (;;) {
    if (cancel != nullptr && cancel->load()) return Error{ErrorCode::kCancelled, "interrupted"};
    pollfd entry{socket_.get(), POLLIN, 0};
    const int ready = poll(&entry, 1, kLookMilliseconds);
    if (ready < 0 && errno != EINTR) return os_error(errno, "cannot wait for the server");
    if (ready <= 0) continue;
    const ssize_t count = recv(socket_.get(), piece, sizeof piece, MSG_DONTWAIT);
    if (count == 0) return false;
    if (count < 0 && (errno == ECONNRESET || errno == EPIPE)) return false;
    if (count < 0 && errno != EAGAIN && errno != EINTR) return os_error(errno, "cannot read the server's answer");
    if (count < 0) continue;
    packed_.append(piece, static_cast<size_t>(count));
    if (packed_.size() + text_.size() > kMaxLineBytes) return Error{ErrorCode::kResource, "the server's answer is too long"};
    return true;
  }
}

Result<int> LineStream::begin(const std::atomic<bool>* cancel) {
  size_t end;
  while ((end = packed_.find("\r\n\r\n")) == std::string::npos) {
    if (packed_.size() > kMaxHeadBytes) return no_server_answer();
    if (!TRY(receive(cancel))) return packed_.empty() ? broken_off() : no_server_answer();
  }
  std::string head = packed_.substr(0, end + 2);
  packed_.erase(0, end + 4);
  for (char& letter : head) letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  int status = 0;
  if (!head.starts_with("http/1.1 ") || head.size() < 12) return no_server_answer();
  if (std::from_chars(head.data() + 9, head.data() + 12, status).ptr != head.data() + 12) return no_server_answer();
  chunked_ = head.find("\r\ntransfer-encoding: chunked\r\n") != std::string::npos;
  TRY(unpack());
  return status;
}

// Moves what has come whole from `packed_` to `text_`.
Result<void> LineStream::unpack() {
  if (!chunked_) {
    text_ += packed_;
    packed_.clear();
    return {};
  }
  while (!complete_) {
    const size_t line = packed_.find("\r\n");
    if (line == std::string::npos) return {};
    size_t size = 0;
    const auto [stop, problem] = std::from_chars(packed_.data(), packed_.data() + line, size, 16);
    if (problem != std::errc() || stop != packed_.data() + line || size > kMaxLineBytes) return no_server_answer();
    if (packed_.size() < line + 2 + size + 2) return {};
    if (packed_.compare(line + 2 + size, 2, "\r\n") != 0) return no_server_answer();
    text_.append(packed_, line + 2, size);
    packed_.erase(0, line + 2 + size + 2);
    complete_ = size == 0;
  }
  return {};
}

Result<std::optional<std::string>> LineStream::next(const std::atomic<bool>* cancel) {
  for (;;) {
    const size_t end = text_.find('\n');
    if (end != std::string::npos) {
      std::string line = text_.substr(0, end);
      text_.erase(0, end + 1);
      return std::optional<std::string>(std::move(line));
    }
    if (complete_) return std::optional<std::string>();
    if (!TRY(receive(cancel))) return broken_off();
    TRY(unpack());
  }
}

Result<std::string> LineStream::rest(const std::atomic<bool>* cancel) {
  while (!complete_ && TRY(receive(cancel))) TRY(unpack());
  if (chunked_ && !complete_) return broken_off();
  return std::move(text_);
}

}  // namespace hearth::cli
