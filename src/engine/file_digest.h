// The SHA-256 of the files that a View is of, all parts after one another, as 64 hex digits.
#pragma once

#include <atomic>
#include <string>

#include "gguf/view.h"

namespace hearth {

// kCancelled if `stop` became true; kIo if the files are not those that were opened.
Result<std::string> digest_of_files(const gguf::View& view, const std::atomic<bool>* stop = nullptr);

}  // namespace hearth
