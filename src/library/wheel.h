// Takes one file out of a Python package (a wheel is a ZIP archive).
//
// Contract: the entry's name must be exactly the one wanted; nothing else is unpacked and nothing is run. Sizes stated in the
// archive are not believed: the sink decides how much is too much.
// Not here: getting the package (pypi_source.cpp).
#pragma once

#include <atomic>
#include <string>

#include "hearth/error.h"
#include "library/fetcher.h"

namespace hearth::library {

// Errors: kNotFound (no such entry), kCorrupt (no readable ZIP archive), those of the sink, kCancelled.
Result<void> extract_from_wheel(const std::string& wheel_path, const std::string& entry_name, ByteSink& sink,
                                const std::atomic<bool>* cancel);

}  // namespace hearth::library
