// Attention over one chunk of keys and values, and the fold over chunks: the scalar specification.
//
// Contract: see kernels/table.h. A query sees positions [begin, end); whatever lies in other slots of the pages, or in pages
// that no query sees, never reaches a result: unseen positions take no part in the maximum, in the sum of exponentials
// (their exponential counts as +0) or in the fma chains over values.
// Not here: which pages and queries belong together (backend/cpu).
#include "kernels/ref/elementwise.h"
#include "kernels/ref/half.h"
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

int64_t key_index(int slot, int head_dim, int d) {
  return (static_cast<int64_t>(slot / kKeyLanes) * head_dim + d) * kKeyLanes + slot % kKeyLanes;
}

float key_score(const AttentionChunk& chunk, const float* q, int position) {
  const void* page = chunk.key_pages[position / kPagePositions];
  float sum = 0.0f;
  for (int d = 0; d < chunk.head_dim; ++d) {
    sum = fma32(q[d], load(page, chunk.type, key_index(position % kPagePositions, chunk.head_dim, d)), sum);
  }
  return chunk.scale * sum;
}

// Positions [begin, end) of the chunk, relative to its first, for one query.
void attend(const AttentionChunk& chunk, int query, int begin, int end) {
  float* p = chunk.scratch + static_cast<int64_t>(query) * kAttentionChunk;
  float* o = chunk.o + static_cast<int64_t>(query) * chunk.head_dim;
  float m = -__builtin_inff();
  for (int i = begin; i < end; ++i) {
    p[i] = key_score(chunk, chunk.q[query], i);
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
    for (int i = begin; i < end; ++i) {
      const int64_t index = static_cast<int64_t>(i % kPagePositions) * chunk.head_dim + d;
      sum = fma32(p[i], load(chunk.value_pages[i / kPagePositions], chunk.type, index), sum);
    }
    o[d] = sum;
  }
  chunk.m[query] = m;
  chunk.l[query] = fold_add(lanes);
}

}  // namespace

void store_kv(const float* k, const float* v, int head_dim, int slot, KvType type, void* key_page, void* value_page) {
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
