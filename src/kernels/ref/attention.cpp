// Attention over one chunk of keys and values, and the fold over chunks: the scalar specification.
//
// Contract: see kernels/table.h. A query sees positions [begin, end); whatever lies in other slots of the pages, or in pages
// that no query sees, never reaches a result: unseen positions take no part in the maximum, in the sum of exponentials
// (their exponential counts as +0) or in the fma chains over values.
// Not here: which pages and queries belong together (backend/cpu).
#include "kernels/kv_page.h"
#include "kernels/ref/elementwise.h"
#include "kernels/ref/half.h"
#include "kernels/ref/int8_scale.h"
#include "kernels/ref/lanes.h"
#include "kernels/ref/math.h"

namespace hearth::kernels::ref {

namespace {

constexpr float kHalfMax = 65504.0f;

float load(const void* page, KvType type, int64_t index) {
  if (type == KvType::kF32) return static_cast<const float*>(page)[index];
  return half_to_float(static_cast<const uint16_t*>(page)[index]);
}

void store(void* page, KvType type, int64_t index, float value) {
  if (type == KvType::kF32) {
    static_cast<float*>(page)[index] = value;
    return;
  }
  const float above = value < -kHalfMax ? -kHalfMax : value;
  static_cast<uint16_t*>(page)[index] = float_to_half(above > kHalfMax ? kHalfMax : above);
}

int64_t int8_key_index(int slot, int head_dim, int64_t d) {
  return ((slot / kKeyLanes * key_quads(head_dim) + d / kKeyQuad) * kKeyLanes + slot % kKeyLanes) * kKeyQuad + d % kKeyQuad;
}

int64_t key_index(int slot, int head_dim, int d) {
  return (static_cast<int64_t>(slot / kKeyLanes) * head_dim + d) * kKeyLanes + slot % kKeyLanes;
}

// Integer sums over 32 dimensions, which are exact, take one step each; the scale of the key comes last.
float int8_score(const AttentionChunk& chunk, int query, int position) {
  const auto* keys = static_cast<const int8_t*>(chunk.key_pages[position / kPagePositions]);
  const auto* scales = reinterpret_cast<const float*>(keys + int8_key_bytes(chunk.head_dim));
  const int slot = position % kPagePositions;
  const int64_t blocks = head_blocks(chunk.head_dim);
  const int8_t* q = chunk.q_int8 + query * blocks * kBlock;
  float sum = 0.0f;
  for (int64_t block = 0; block < blocks; ++block) {
    int32_t dot = 0;
    for (int64_t d = block * kBlock; d < (block + 1) * kBlock && d < chunk.head_dim; ++d) {
      dot += q[d] * keys[int8_key_index(slot, chunk.head_dim, d)];
    }
    sum = fma32(static_cast<float>(dot), chunk.q_scale[query * blocks + block], sum);
  }
  return chunk.scale * (sum * scales[slot]);
}

float key_score(const AttentionChunk& chunk, int query, int position) {
  if (chunk.type == KvType::kInt8) return int8_score(chunk, query, position);
  const void* page = chunk.key_pages[position / kPagePositions];
  const float* q = chunk.q[query];
  float sum = 0.0f;
  for (int d = 0; d < chunk.head_dim; ++d) {
    sum = fma32(q[d], load(page, chunk.type, key_index(position % kPagePositions, chunk.head_dim, d)), sum);
  }
  return chunk.scale * sum;
}

float value_at(const AttentionChunk& chunk, int position, int d) {
  const void* page = chunk.value_pages[position / kPagePositions];
  const int64_t slot = position % kPagePositions;
  const int64_t index = slot * chunk.head_dim + d;
  if (chunk.type != KvType::kInt8) return load(page, chunk.type, index);
  const auto* values = static_cast<const int8_t*>(page);
  const auto* scales = reinterpret_cast<const float*>(values + int8_value_bytes(chunk.head_dim));
  return static_cast<float>(values[index]) * scales[slot * head_blocks(chunk.head_dim) + d / kBlock];
}

// Positions [begin, end) of the chunk, relative to its first, for one query.
void attend(const AttentionChunk& chunk, int query, int begin, int end) {
  float* p = chunk.scratch + static_cast<int64_t>(query) * kAttentionChunk;
  float* o = chunk.o + static_cast<int64_t>(query) * chunk.head_dim;
  float m = -__builtin_inff();
  for (int i = begin; i < end; ++i) {
    p[i] = key_score(chunk, query, i);
    m = p[i] > m ? p[i] : m;
  }
  m = m + 0.0f;  // -0 becomes +0
  float lanes[kLanes] = {};
  for (int i = begin; i < end; ++i) {
    p[i] = exp32(p[i] - m);
    lanes[i % kLanes] = lanes[i % kLanes] + p[i];
  }
  for (int d = 0; d < chunk.head_dim; ++d) {
    float sum = 0.0f;
    for (int i = begin; i < end; ++i) sum = fma32(p[i], value_at(chunk, i, d), sum);
    o[d] = sum;
  }
  chunk.m[query] = m;
  chunk.l[query] = fold_add(lanes);
}

// One scale for n values; Inf and NaN make it NaN, so that whoever sees the position fails.
float quantise_group(const float* x, int n, int8_t* q) {
  uint32_t amax_bits = 0;
  for (int i = 0; i < n; ++i) {
    const uint32_t bits = magnitude_bits(x[i]);
    amax_bits = bits > amax_bits ? bits : amax_bits;
  }
  const Int8Scale scale = int8_scale(amax_bits);
  for (int i = 0; i < n; ++i) {
    q[i] = amax_bits >= kInfinityBits ? int8_t{0} : static_cast<int8_t>(round_to_int(x[i] * scale.inverse));
  }
  return scale.scale;
}

void store_int8(const float* k, const float* v, int head_dim, int slot, int8_t* keys, int8_t* values) {
  int8_t q[kMaxHeadDim + kKeyQuad] = {};
  reinterpret_cast<float*>(keys + int8_key_bytes(head_dim))[slot] = quantise_group(k, head_dim, q);
  for (int64_t d = 0; d < key_quads(head_dim) * kKeyQuad; ++d) keys[int8_key_index(slot, head_dim, d)] = q[d];
  float* scales = reinterpret_cast<float*>(values + int8_value_bytes(head_dim)) + slot * head_blocks(head_dim);
  for (int d = 0; d < head_dim; d += kBlock) {
    const int count = head_dim - d < kBlock ? head_dim - d : kBlock;
    scales[d / kBlock] = quantise_group(v + d, count, values + static_cast<int64_t>(slot) * head_dim + d);
  }
}

}  // namespace

void store_kv(const float* k, const float* v, int head_dim, int slot, KvType type, void* key_page, void* value_page) {
  if (type == KvType::kInt8) {
    store_int8(k, v, head_dim, slot, static_cast<int8_t*>(key_page), static_cast<int8_t*>(value_page));
    return;
  }
  for (int d = 0; d < head_dim; ++d) {
    store(key_page, type, key_index(slot, head_dim, d), k[d]);
    store(value_page, type, static_cast<int64_t>(slot) * head_dim + d, v[d]);
  }
}

void attention_chunk(const AttentionChunk& chunk) {
  for (int query = 0; query < chunk.queries; ++query) {
    const int begin = chunk.begin[query] - chunk.first_position;
    const int end = chunk.end[query] - chunk.first_position;
    attend(chunk, query, begin > 0 ? begin : 0, end < kAttentionChunk ? end : kAttentionChunk);
  }
}

void attention_fold(float* m, float* l, float* o, float mc, float lc, const float* oc, int head_dim) {
  if (*m == -__builtin_inff()) {
    *m = mc;
    *l = lc;
    for (int d = 0; d < head_dim; ++d) o[d] = oc[d];
    return;
  }
  const float high = mc > *m ? mc : *m;
  const float a = exp32(*m - high);
  const float b = exp32(mc - high);
  *m = high;
  *l = fma32(lc, b, *l * a);
  for (int d = 0; d < head_dim; ++d) o[d] = fma32(oc[d], b, o[d] * a);
}

void attention_finish(const float* o, float l, int head_dim, float* out) {
  for (int d = 0; d < head_dim; ++d) out[d] = o[d] / l;
}

}  // namespace hearth::kernels::ref
