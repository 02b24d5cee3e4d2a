// The bounds within which a template is compiled and rendered.
//
// Contract: every limit ends in an error that names it, never in a cut result. A step is one evaluated node, one loop
// turn, or kBytesPerStep bytes of bulk string work.
// Not here: the code that counts (heap.h, interpreter.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace hearth::text::jinja {

inline constexpr size_t kMaxSourceBytes = 1u << 20;      // template source
inline constexpr int kMaxParserDepth = 128;              // nested tags and expressions in the source
inline constexpr uint64_t kMaxSteps = 4'000'000;         // per render
inline constexpr uint64_t kMaxComparisons = 16'000'000;  // of single values, for equality and hashes, per render
inline constexpr uint64_t kBytesPerStep = 256;           // bulk work on strings counts as steps
inline constexpr size_t kMaxHeapBytes = 40u << 20;       // live values and text of one render
inline constexpr size_t kMaxOutputBytes = 24u << 20;     // rendered text
inline constexpr int kMaxEvaluatorDepth = 1000;          // nested evaluation: macro calls, recursive loops
inline constexpr int kMaxValueDepth = 128;               // nesting of lists and dicts that is printed or compared
inline constexpr uint64_t kMaxWallMilliseconds = 900;    // per render
inline constexpr uint64_t kStepsPerClockCheck = 4096;
inline constexpr int64_t kMaxRange = 100'000;                // items of range(), as the sandbox of Jinja has it
inline constexpr int64_t kMaxRangeBound = int64_t{1} << 61;  // start, stop and step of range()
inline constexpr int kMaxFormatWidth = 1'000'000;            // width and precision in format strings

}  // namespace hearth::text::jinja
