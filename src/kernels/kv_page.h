// How one KV head's keys and values lie in a page of kPagePositions positions: the same for every table.
//
// kF32, kF16: keys [position/16][head_dim][16], values [position][head_dim].
// kInt8: keys [position/16][ceil(head_dim/4)][16][4], absent dimensions of the last four zero, then one float scale per
// position; values [position][head_dim], then float scales [position][ceil(head_dim/32)].
// Not here: what the numbers mean (docs/numerics.md), where heads lie in a page (model/kv_cache).
#pragma once

#include <cstdint>

#include "kernels/table.h"

namespace hearth::kernels {

inline constexpr int kKeyQuad = 4;  // dimensions of int8 keys that lie together

static constexpr int64_t key_quads(int head_dim) { return (head_dim + kKeyQuad - 1) / kKeyQuad; }
static constexpr int64_t head_blocks(int head_dim) { return (head_dim + kBlock - 1) / kBlock; }

static constexpr int64_t bytes_per_value(KvType type) {
  return type == KvType::kF32 ? 4 : type == KvType::kF16 ? 2 : 1;
}

// Bytes before the scales of int8 keys, and of int8 values.
static constexpr int64_t int8_key_bytes(int head_dim) { return kPagePositions * key_quads(head_dim) * kKeyQuad; }
static constexpr int64_t int8_value_bytes(int head_dim) { return int64_t{kPagePositions} * head_dim; }

static constexpr int64_t key_page_bytes(KvType type, int head_dim) {
  if (type != KvType::kInt8) return kPagePositions * head_dim * bytes_per_value(type);
  return int8_key_bytes(head_dim) + kPagePositions * static_cast<int64_t>(sizeof(float));
}
static constexpr int64_t value_page_bytes(KvType type, int head_dim) {
  if (type != KvType::kInt8) return kPagePositions * head_dim * bytes_per_value(type);
  return int8_value_bytes(head_dim) + kPagePositions * head_blocks(head_dim) * static_cast<int64_t>(sizeof(float));
}

}  // namespace hearth::kernels
