// Tensor: a non-owning view of a matrix of any block format, and the place where it lies.
//
// Contract: plain data. Rows are contiguous, `row_bytes` apart; columns are the innermost dimension.
// Not here: maths (kernels, backend), ownership (storage.h, gguf/view.h).
#pragma once

#include <cstdint>

#include "quant/layout.h"

namespace hearth::tensor {

enum class Place : uint8_t { kCpu };

struct Tensor {
  quant::Format format = quant::Format::kF32;
  Place place = Place::kCpu;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t row_bytes = 0;
  const void* data = nullptr;  // [rows, columns]

  bool present() const { return data != nullptr; }
  int64_t bytes() const { return rows * row_bytes; }
};

// Float weights meet float32 activations; every other format meets quantised ones.
inline bool is_float(quant::Format format) {
  return format == quant::Format::kF32 || format == quant::Format::kF16 || format == quant::Format::kBF16;
}

}  // namespace hearth::tensor
