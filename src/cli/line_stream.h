// The answer of a server of ours as lines, read while they are written.
//
// Contract: an answer that breaks off before its end is an error, never a short answer. Waiting ends with kCancelled once the
// flag is set. Lines and everything held are bounded (kMaxLineBytes).
// Not here: connecting and asking (cli/http_client.h), what the lines say.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "base/os_error.h"
#include "hearth/error.h"

namespace hearth::cli {

class LineStream {
 public:
  static constexpr size_t kMaxLineBytes = 64 << 20;

  // Of a connection on which a request has been sent.
  explicit LineStream(FileDescriptor socket) : socket_(std::move(socket)) {}

  // Waits for the head of the answer. Its status.
  Result<int> begin(const std::atomic<bool>* cancel);
  // The next line; none at the end.
  Result<std::optional<std::string>> next(const std::atomic<bool>* cancel);
  // All that is left.
  Result<std::string> rest(const std::atomic<bool>* cancel);

 private:
  Result<bool> receive(const std::atomic<bool>* cancel);
  Result<void> unpack();

  FileDescriptor socket_;
  std::string packed_;    // as it came
  std::string text_;      // without the frames of chunks
  bool chunked_ = false;
  bool complete_ = false;  // the last chunk has come
};

}  // namespace hearth::cli
