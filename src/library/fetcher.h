// The interface of a kind of source: brings the bytes of one part.
//
// Contract: fetch() writes the part's bytes in order into the sink and stops at the sink's first error. It keeps temporary
// files only in the folder it is given, which the caller empties. kCorrupt and kNotFound mean that the source is wrong and
// trying again will not help; other errors may pass.
// Not here: joining, verifying and resuming (pull.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "hearth/error.h"

namespace hearth::library {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual Result<void> write(std::string_view bytes) = 0;
};

struct FetchContext {
  std::string work_folder;                        // exists and is empty
  uint64_t limit_bytes = 0;                       // how much may lie in it at most
  std::function<void(uint64_t bytes)> received;   // so far, of this part; an estimate for the progress bar
  const std::atomic<bool>* cancel = nullptr;
};

class Fetcher {
 public:
  virtual ~Fetcher() = default;
  // Whether `part` is well formed: what follows the scheme.
  virtual Result<void> check(const std::string& part) const = 0;
  virtual Result<void> fetch(const std::string& part, ByteSink& sink, const FetchContext& context) = 0;
};

// The fetcher of a scheme, or kUnsupported.
Result<std::unique_ptr<Fetcher>> make_fetcher(const std::string& scheme);

}  // namespace hearth::library
