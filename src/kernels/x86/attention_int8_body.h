// What attention does differently with int8 keys: integer scores, and writing keys and values. Shared by the x86 tables.
//
// Contract: bit-equal to ref/attention.cpp. Sums over 32 dimensions are integers, so each table takes them in the order that its
// instructions like; the float step per 32 dimensions and the scale of the key run with positions in lanes.
// Not here: softmax, values (attention_body.h).
#pragma once

#include <cstdint>

#include "kernels/kv_page.h"
#include "kernels/ref/int8_scale.h"
#include "kernels/table.h"
#include "kernels/x86/elementwise_body.h"

namespace hearth::kernels {
namespace {

constexpr int kGroupsPerPage = kPagePositions / kLaneCount;
constexpr int kQuadsPerBlock = kBlock / kKeyQuad;
constexpr int kMaxHeadBlocks = (kMaxHeadDim + kBlock - 1) / kBlock;

inline int smaller(int a, int b) { return a < b ? a : b; }
inline int larger(int a, int b) { return a > b ? a : b; }

inline float* probabilities(const AttentionChunk& chunk, int query) {
  return chunk.scratch + static_cast<int64_t>(query) * kAttentionChunk;
}

// Asks for bytes that are read soon.
inline __attribute__((always_inline)) void fetch_bytes(const void* start, int64_t bytes) {
  for (int64_t offset = 0; offset < bytes; offset += 64) __builtin_prefetch(static_cast<const char*>(start) + offset);
}

// A query's blocks as V::dot wants them.
template <class V>
struct Int8Query {
  typename V::QueryBlock blocks[kMaxHeadBlocks];
  const float* scales;
};

// Integer sums of R queries over one block of dimensions of 16 positions.
template <class V, int R>
inline __attribute__((always_inline)) void int8_dots(const Int8Query<V>* queries, const int8_t* keys, int block, int quads,
                                                     typename V::Integer (&sum)[R]) {
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) sum[r] = V::start(queries[r].blocks[block]);
  for (int quad = 0; quad < quads; ++quad) {
    const typename V::KeyQuad key = V::load_keys(keys + quad * kLaneCount * kKeyQuad);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[r] = V::dot(key, queries[r].blocks[block], quad, sum[r]);
  }
}

// Scores of 16 positions for R queries, into their probability rows.
template <class V, int R>
void int8_score_groups(const AttentionChunk& chunk, const Int8Query<V>* queries, const int* rows, int group, bool fetch) {
  const auto* page = static_cast<const int8_t*>(chunk.key_pages[group / kGroupsPerPage]);
  const int quads = static_cast<int>(key_quads(chunk.head_dim));
  const int group_in_page = group % kGroupsPerPage;
  const int8_t* keys = page + static_cast<int64_t>(group_in_page) * quads * kLaneCount * kKeyQuad;
  const auto* values = static_cast<const int8_t*>(chunk.value_pages[group / kGroupsPerPage]);
  if (fetch) {
    const int64_t scale_bytes = kLaneCount * head_blocks(chunk.head_dim) * static_cast<int64_t>(sizeof(float));
    fetch_bytes(values + int8_value_bytes(chunk.head_dim) + group_in_page * scale_bytes, scale_bytes);
  }
  V score[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) score[r] = V::zero();
  for (int block = 0; block * kQuadsPerBlock < quads; ++block) {
    typename V::Integer sum[R];
    if (fetch) fetch_bytes(values + (static_cast<int64_t>(group_in_page) * chunk.head_dim + block * kBlock) * kLaneCount, kBlock * kLaneCount);
    const int8_t* first = keys + static_cast<int64_t>(block) * kQuadsPerBlock * kLaneCount * kKeyQuad;
    int8_dots<V, R>(queries, first, block, smaller(kQuadsPerBlock, quads - block * kQuadsPerBlock), sum);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) score[r] = V::fma(V::broadcast(queries[r].scales + block), V::to_float(sum[r]), score[r]);
  }
  const V key_scale = V::load(reinterpret_cast<const float*>(page + int8_key_bytes(chunk.head_dim)) + group_in_page * kLaneCount);
  const V scale = V::set(chunk.scale);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    V::mul(scale, V::mul(score[r], key_scale)).store(probabilities(chunk, rows[r]) + group * kLaneCount);
  }
}

template <class V, int R>
void int8_score_rows(const AttentionChunk& chunk, const Int8Query<V>* queries, const int* rows, int begin, int end, bool fetch) {
  for (int group = begin / kLaneCount; group * kLaneCount < end; ++group) {
    int8_score_groups<V, R>(chunk, queries, rows, group, fetch);
  }
}

// Scores of positions [begin, end), relative to the chunk and rounded out to groups of 16, for R queries.
template <class V, int R>
void int8_scores(const AttentionChunk& chunk, const int* rows, int begin, int end, bool fetch) {
  const int blocks = static_cast<int>(head_blocks(chunk.head_dim));
  Int8Query<V> queries[R];
  for (int r = 0; r < R; ++r) {
    queries[r].scales = chunk.q_scale + static_cast<int64_t>(rows[r]) * blocks;
    const int8_t* q = chunk.q_int8 + static_cast<int64_t>(rows[r]) * blocks * kBlock;
    for (int block = 0; block < blocks; ++block) V::prepare(q + block * kBlock, &queries[r].blocks[block]);
  }
  constexpr int kRows = V::kInt8Rows;
  constexpr int kRest = R % kRows;
  for (int r = 0; r + kRows <= R; r += kRows) int8_score_rows<V, kRows>(chunk, queries + r, rows + r, begin, end, fetch && r == 0);
  if constexpr (kRest != 0) int8_score_rows<V, kRest>(chunk, queries + R - kRest, rows + R - kRest, begin, end, fetch && R < kRows);
}

// One scale for n values.
template <class V>
inline float quantise_group(const float* x, int n, int8_t* q) {
  uint32_t amax_bits = 0;
  const auto widen = [&](V values) {
    const uint32_t bits = V::max_magnitude(values, V::zero());
    amax_bits = bits > amax_bits ? bits : amax_bits;
  };
  for_groups(n, [&](int64_t i) { widen(V::load(x + i)); }, [&](int64_t i, int count) { widen(V::load_first(x + i, count)); });
  const ref::Int8Scale scale = ref::int8_scale(amax_bits);
  if (amax_bits >= ref::kInfinityBits) {
    for (int i = 0; i < n; ++i) q[i] = 0;
    return scale.scale;
  }
  const V inverse = V::set(scale.inverse);
  for_groups(
      n, [&](int64_t i) { V::store_rounded(V::mul(V::load(x + i), inverse), q + i); },
      [&](int64_t i, int count) {
        int8_t rest[kLaneCount];
        V::store_rounded(V::mul(V::load_first(x + i, count), inverse), rest);
        for (int j = 0; j < count; ++j) q[i + j] = rest[j];
      });
  return scale.scale;
}

template <class V>
void store_kv_int8(const float* k, const float* v, int head_dim, int slot, int8_t* keys, int8_t* values) {
  int8_t q[kMaxHeadDim + kKeyQuad];
  const int64_t quads = key_quads(head_dim);
  reinterpret_cast<float*>(keys + int8_key_bytes(head_dim))[slot] = quantise_group<V>(k, head_dim, q);
  for (int64_t d = head_dim; d < quads * kKeyQuad; ++d) q[d] = 0;
  int8_t* group = keys + (slot / kKeyLanes * quads * kKeyLanes + slot % kKeyLanes) * kKeyQuad;
  for (int64_t quad = 0; quad < quads; ++quad) {
    __builtin_memcpy(group + quad * kKeyLanes * kKeyQuad, q + quad * kKeyQuad, kKeyQuad);
  }
  float* scales = reinterpret_cast<float*>(values + int8_value_bytes(head_dim)) + slot * head_blocks(head_dim);
  for (int d = 0; d < head_dim; d += kBlock) {
    scales[d / kBlock] = quantise_group<V>(v + d, smaller(kBlock, head_dim - d), values + static_cast<int64_t>(slot) * head_dim + d);
  }
}

}  // namespace
}  // namespace hearth::kernels
