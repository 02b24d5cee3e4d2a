// The named limits of a GGUF file.
//
// Contract: a file beyond one of these is refused with a message that names the limit. Counts are also refused when the
// rest of the file could not hold them, so the memory a directory takes is bounded by the size of the file. Not here:
// ranges of hyper-parameters (model/archs).
#pragma once

#include <cstdint>

namespace hearth::gguf {

inline constexpr uint64_t kMaxKeys = 1 << 16;
inline constexpr uint64_t kMaxKeyBytes = 65535;       // of one key's name, as the specification has it
inline constexpr uint64_t kMaxTensors = 1 << 18;      // over all parts
inline constexpr uint64_t kMaxTensorNameBytes = 255;  // the specification says 64, some converters write more
inline constexpr uint32_t kMaxDims = 4;
inline constexpr uint64_t kMinAlignment = 8;
inline constexpr uint64_t kMaxAlignment = 1 << 21;  // a large page
inline constexpr uint64_t kDefaultAlignment = 32;
inline constexpr uint64_t kMaxParts = 1024;  // files of one model

}  // namespace hearth::gguf
