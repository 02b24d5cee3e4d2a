// Attention over one chunk on 16 lanes, shared by the x86 tables.
//
// Contract: bit-equal to ref/attention.cpp. Scores and values are one loop: a tile of accumulators over several queries and
// columns of 16 lanes, each taking one fma per step (a head dimension, or a position), so up to kTileRows queries share each
// load of keys and values. Queries share a tile only where their visible ranges overlap; the positions that only some of a
// tile's queries see are walked query by query, in order, so no query ever multiplies a value that it may not see.
// The first tile of a chunk fetches what comes next as fast as it consumes what is there: values while keys are multiplied, the
// keys of the next chunk while values are. Pages of a head are 8 KiB apart in memory from those of the next, so that no hardware
// prefetcher follows.
// Not here: elementwise functions (elementwise_body.h), what is particular to int8 keys (attention_int8_body.h).
#pragma once

#include <cstdint>

#include "kernels/kv_page.h"
#include "kernels/table.h"
#include "kernels/x86/attention_int8_body.h"
#include "kernels/x86/elementwise_body.h"

namespace hearth::kernels {
namespace {

constexpr float kHalfMax = 65504.0f;

struct Range {
  int begin, end;  // positions relative to the chunk
};

inline Range visible(const AttentionChunk& chunk, int query) {
  return {larger(chunk.begin[query] - chunk.first_position, 0),
          smaller(chunk.end[query] - chunk.first_position, kAttentionChunk)};
}

// sum[r][c] = fma(weights[r][step], row(step, c), sum[r][c]) for steps [begin, end) in order.
template <class V, int R, int C, class Row>
inline __attribute__((always_inline)) void accumulate_steps(const float* const (&weights)[R], int begin, int end, Row row,
                                                            V (&sum)[R][C]) {
  for (int step = begin; step < end; ++step) {
    if constexpr (V::holds_weights(R)) {  // holding the columns would take registers from the sums
      typename V::Broadcast held[R];
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) held[r] = V::broadcast(weights[r] + step);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        const V column = row(step, c);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) sum[r][c] = V::fma(held[r], column, sum[r][c]);
      }
      continue;
    }
    V columns[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) columns[c] = row(step, c);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const auto weight = V::broadcast(weights[r] + step);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) sum[r][c] = V::fma(weight, columns[c], sum[r][c]);
    }
  }
}

// The same for all steps. Where `fetch` is not null, 16 steps also fetch as many bytes from there as they consume, so that no
// burst of fetches waits for the processor's few outstanding misses.
template <class V, int R, int C, class T, class Row>
inline __attribute__((always_inline)) void accumulate(const float* const (&weights)[R], int steps, Row row, V (&sum)[R][C],
                                                      const T* fetch, int64_t fetch_stride) {
  if (fetch == nullptr) return accumulate_steps<V, R, C>(weights, 0, steps, row, sum);
  for (int step = 0; step < steps; step += kLaneCount) {
    fetch_bytes(fetch, C * kLaneCount * kLaneCount * static_cast<int64_t>(sizeof(T)));
    fetch += fetch_stride;
    accumulate_steps<V, R, C>(weights, step, smaller(step + kLaneCount, steps), row, sum);
  }
}

// Scores of C groups of 16 positions within one page for R queries, into their probability rows.
template <class V, int R, int C, class T>
void score_groups(const AttentionChunk& chunk, const int* queries, int group, bool fetch) {
  const float* weights[R];
  for (int r = 0; r < R; ++r) weights[r] = chunk.q[queries[r]];
  const int64_t group_size = static_cast<int64_t>(chunk.head_dim) * kLaneCount;
  const int64_t start = (group % kGroupsPerPage) * group_size;
  const T* keys = static_cast<const T*>(chunk.key_pages[group / kGroupsPerPage]) + start;
  const T* values = fetch ? static_cast<const T*>(chunk.value_pages[group / kGroupsPerPage]) + start : nullptr;
  V sum[R][C];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sum[r][c] = V::zero();
  }
  const auto row = [&](int step, int c) __attribute__((always_inline)) { return V::load(keys + step * kLaneCount + c * group_size); };
  accumulate<V, R, C, T>(weights, chunk.head_dim, row, sum, values, C * kLaneCount * kLaneCount);
  const V scale = V::set(chunk.scale);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    float* p = probabilities(chunk, queries[r]) + group * kLaneCount;
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) V::mul(scale, sum[r][c]).store(p + c * kLaneCount);
  }
}

template <class V, int R, class T>
void scores(const AttentionChunk& chunk, const int* queries, Range range, bool fetch) {
  constexpr int kColumns = V::tile_columns(R);
  const int end = (range.end + kLaneCount - 1) / kLaneCount;
  int group = range.begin / kLaneCount;
  while (group < end) {
    const int page_end = smaller((group / kGroupsPerPage + 1) * kGroupsPerPage, end);
    for (; group + kColumns <= page_end; group += kColumns) score_groups<V, R, kColumns, T>(chunk, queries, group, fetch);
    for (; group < page_end; ++group) score_groups<V, R, 1, T>(chunk, queries, group, fetch);
  }
}

// Scores become exponentials; unseen positions of the first and last group become +0.
template <class V>
void softmax(const AttentionChunk& chunk, int query, Range range) {
  float* p = probabilities(chunk, query);
  const int first = range.begin / kLaneCount * kLaneCount;
  V best = V::set(-__builtin_inff());
  for (int i = first; i < range.end; i += kLaneCount) {
    V score = V::load(p + i);
    if (i < range.begin || i + kLaneCount > range.end) {
      score = V::where_lanes(range.begin - i, range.end - i, score, V::set(-__builtin_inff()));
    }
    best = V::at_least(best, score);
  }
  const float m = V::fold_max(best) + 0.0f;
  const V maximum = V::set(m);
  V lanes = V::zero();
  for (int i = first; i < range.end; i += kLaneCount) {
    V e = exp_lanes(V::sub(V::load(p + i), maximum));
    if (i < range.begin || i + kLaneCount > range.end) {
      e = V::where_lanes(range.begin - i, range.end - i, e, V::zero());
    }
    e.store(p + i);
    lanes = V::add(lanes, e);
  }
  chunk.m[query] = m;
  chunk.l[query] = V::fold_add(lanes);
}

// Values from one position of a page on, dimensions d and up.
template <class T>
struct PageValues {
  PageValues(const AttentionChunk& chunk, int position, int d)
      : start(static_cast<const T*>(chunk.value_pages[position / kPagePositions]) +
              static_cast<int64_t>(position % kPagePositions) * chunk.head_dim + d),
        stride(chunk.head_dim) {}
  template <class V>
  inline __attribute__((always_inline)) V row(int step, int column) const {
    return V::load(start + step * stride + column * kLaneCount);
  }
  template <class V>
  V first(int count) const {
    return V::load_first(start, count);
  }
  const T* start;
  int64_t stride;
};

// With a scale per 32 dimensions; d is a multiple of 16.
template <>
struct PageValues<int8_t> {
  PageValues(const AttentionChunk& chunk, int position, int d) : stride(chunk.head_dim), blocks(head_blocks(chunk.head_dim)) {
    const auto* page = static_cast<const int8_t*>(chunk.value_pages[position / kPagePositions]);
    const int64_t slot = position % kPagePositions;
    start = page + slot * stride + d;
    scales = reinterpret_cast<const float*>(page + int8_value_bytes(chunk.head_dim)) + slot * blocks + d / kBlock;
    odd = d / kLaneCount % 2;
  }
  template <class V>
  inline __attribute__((always_inline)) V row(int step, int column) const {
    const float* scale = scales + step * blocks + (odd + column) / 2;
    return V::times(V::broadcast(scale), V::load(start + step * stride + column * kLaneCount));
  }
  template <class V>
  V first(int count) const {
    return V::times(V::broadcast(scales), V::load_first(start, count));
  }
  const int8_t* start;
  const float* scales;
  int64_t stride, blocks;
  int odd;
};

// Where the next chunk's keys for 16 positions from `position` on begin, dimensions d and up.
template <class T>
const T* next_keys(const AttentionChunk& chunk, int position, int d) {
  const auto* page = static_cast<const T*>(chunk.next_key_pages[position / kPagePositions]);
  const int64_t group = position % kPagePositions / kLaneCount;
  return page == nullptr ? nullptr : page + (group * chunk.head_dim + d) * kLaneCount;
}

// o[d..] of R queries continues over positions `range`.
template <class V, int R, int C, class T>
void value_columns(const AttentionChunk& chunk, const int* queries, Range range, int d, bool fetch) {
  V sum[R][C];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    const float* o = chunk.o + static_cast<int64_t>(queries[r]) * chunk.head_dim + d;
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sum[r][c] = V::load(o + c * kLaneCount);
  }
  for (int position = range.begin; position < range.end;) {
    const int slot = position % kPagePositions;
    const int count = smaller(kPagePositions - slot, range.end - position);
    const float* weights[R];
    for (int r = 0; r < R; ++r) weights[r] = probabilities(chunk, queries[r]) + position;
    const PageValues<T> values(chunk, position, d);
    const auto row = [&](int step, int c) __attribute__((always_inline)) { return values.template row<V>(step, c); };
    const T* keys = fetch ? next_keys<T>(chunk, position, d) : nullptr;
    accumulate<V, R, C, T>(weights, count, row, sum, keys, static_cast<int64_t>(chunk.head_dim) * kLaneCount);
    position += count;
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    float* o = chunk.o + static_cast<int64_t>(queries[r]) * chunk.head_dim + d;
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sum[r][c].store(o + c * kLaneCount);
  }
}

// The last head_dim % 16 dimensions.
template <class V, class T>
void value_rest(const AttentionChunk& chunk, int query, Range range, int d) {
  const int count = chunk.head_dim - d;
  float* o = chunk.o + static_cast<int64_t>(query) * chunk.head_dim + d;
  V sum = V::load_first(o, count);
  for (int position = range.begin; position < range.end; ++position) {
    sum = V::fma(V::broadcast(probabilities(chunk, query) + position),
                 PageValues<T>(chunk, position, d).template first<V>(count), sum);
  }
  sum.store_first(o, count);
}

template <class V, int R, class T>
void values(const AttentionChunk& chunk, const int* queries, Range range, bool fetch) {
  if (range.begin >= range.end) return;
  fetch = fetch && chunk.next_key_pages != nullptr;
  constexpr int kColumns = V::tile_columns(R);
  int d = 0;
  for (; d + kColumns * kLaneCount <= chunk.head_dim; d += kColumns * kLaneCount) {
    value_columns<V, R, kColumns, T>(chunk, queries, range, d, fetch);
  }
  for (; d + kLaneCount <= chunk.head_dim; d += kLaneCount) value_columns<V, R, 1, T>(chunk, queries, range, d, fetch);
  if (d == chunk.head_dim) return;
  for (int r = 0; r < R; ++r) value_rest<V, T>(chunk, queries[r], range, d);
}

// R queries whose ranges have positions in common.
template <class V, int R, class T>
void attend(const AttentionChunk& chunk, const int* queries, Range all, Range common, bool fetch) {
  if constexpr (sizeof(T) == 1) {
    int8_scores<V, R>(chunk, queries, all.begin, all.end, fetch);
  } else {
    scores<V, R, T>(chunk, queries, all, fetch);
  }
  for (int r = 0; r < R; ++r) {
    const Range range = visible(chunk, queries[r]);
    softmax<V>(chunk, queries[r], range);
    values<V, 1, T>(chunk, queries + r, {range.begin, common.begin}, false);
  }
  values<V, R, T>(chunk, queries, common, fetch);
  for (int r = 0; r < R; ++r) values<V, 1, T>(chunk, queries + r, {common.end, visible(chunk, queries[r]).end}, false);
}

template <class V, class T>
void attend_tile(const AttentionChunk& chunk, const int* queries, int count, bool fetch) {
  Range all = visible(chunk, queries[0]);
  Range common = all;
  for (int r = 1; r < count; ++r) {
    const Range range = visible(chunk, queries[r]);
    all = {smaller(all.begin, range.begin), larger(all.end, range.end)};
    common = {larger(common.begin, range.begin), smaller(common.end, range.end)};
  }
  if (common.begin >= common.end) {
    for (int r = 0; r < count; ++r) {
      const Range range = visible(chunk, queries[r]);
      attend<V, 1, T>(chunk, queries + r, range, range, fetch);
    }
    return;
  }
  static_assert(V::kTileRows == 6);
  switch (count) {
    case 1: return attend<V, 1, T>(chunk, queries, all, common, fetch);
    case 2: return attend<V, 2, T>(chunk, queries, all, common, fetch);
    case 3: return attend<V, 3, T>(chunk, queries, all, common, fetch);
    case 4: return attend<V, 4, T>(chunk, queries, all, common, fetch);
    case 5: return attend<V, 5, T>(chunk, queries, all, common, fetch);
    default: return attend<V, 6, T>(chunk, queries, all, common, fetch);
  }
}

template <class V, class T>
void attend_all(const AttentionChunk& chunk) {
  int left = 0;
  for (int query = 0; query < chunk.queries; ++query) {
    const Range range = visible(chunk, query);
    float* o = chunk.o + static_cast<int64_t>(query) * chunk.head_dim;
    for (int d = 0; d < chunk.head_dim; ++d) o[d] = 0.0f;
    chunk.m[query] = -__builtin_inff();
    chunk.l[query] = 0.0f;
    if (range.begin < range.end) ++left;
  }
  int tile[V::kTileRows];
  int filled = 0;
  bool first = true;
  for (int query = 0; left > 0; ++query) {
    const Range range = visible(chunk, query);
    if (range.begin >= range.end) continue;
    tile[filled++] = query;
    const int tiles = (left + filled - 1 + V::kTileRows - 1) / V::kTileRows;
    const int size = (left + filled - 1 + tiles - 1) / tiles;  // tiles of equal height rather than a short last one
    --left;
    if (filled < size) continue;
    attend_tile<V, T>(chunk, tile, filled, first);
    first = false;
    filled = 0;
  }
}

template <class V>
inline void attention_chunk_lanes(const AttentionChunk& chunk) {
  if (chunk.type == KvType::kF32) {
    attend_all<V, float>(chunk);
  } else if (chunk.type == KvType::kF16) {
    attend_all<V, uint16_t>(chunk);
  } else {
    attend_all<V, int8_t>(chunk);
  }
}

template <class V>
inline void attention_fold_lanes(float* m, float* l, float* o, float mc, float lc, const float* oc, int head_dim) {
  if (*m == -__builtin_inff()) {
    *m = mc;
    *l = lc;
    map_one<V>(oc, head_dim, o, [](V x) { return x; });
    return;
  }
  const float high = mc > *m ? mc : *m;
  const float a = ref::exp32(*m - high);
  const float b = ref::exp32(mc - high);
  *m = high;
  *l = ref::fma32(lc, b, *l * a);
  const V old_factor = V::set(a);
  const V new_factor = V::set(b);
  map_two<V>(o, oc, head_dim, o, [&](V x, V y) { return V::fma(y, new_factor, V::mul(x, old_factor)); });
}

template <class V>
inline V half_range(V x) {
  return V::at_most(V::set(kHalfMax), V::at_least(V::set(-kHalfMax), x));
}

template <class V>
inline void store_kv_half(const float* k, const float* v, int head_dim, int64_t key_start, uint16_t* keys, uint16_t* values) {
  uint16_t rounded[kLaneCount];
  const auto scatter = [&](int64_t d, int count) {
    for (int i = 0; i < count; ++i) keys[key_start + (d + i) * kKeyLanes] = rounded[i];
  };
  for_groups(
      head_dim,
      [&](int64_t d) {
        half_range(V::load(k + d)).store_half(rounded);
        scatter(d, kLaneCount);
        half_range(V::load(v + d)).store_half(values + d);
      },
      [&](int64_t d, int count) {
        half_range(V::load_first(k + d, count)).store_half(rounded);
        scatter(d, count);
        half_range(V::load_first(v + d, count)).store_half(rounded);
        for (int i = 0; i < count; ++i) values[d + i] = rounded[i];
      });
}

template <class V>
inline void store_kv_lanes(const float* k, const float* v, int head_dim, int slot, KvType type, void* key_page,
                           void* value_page) {
  if (type == KvType::kInt8) {
    store_kv_int8<V>(k, v, head_dim, slot, static_cast<int8_t*>(key_page), static_cast<int8_t*>(value_page));
    return;
  }
  const int64_t key_start = static_cast<int64_t>(slot / kKeyLanes) * head_dim * kKeyLanes + slot % kKeyLanes;
  const int64_t value_start = static_cast<int64_t>(slot) * head_dim;
  if (type == KvType::kF16) {
    store_kv_half<V>(k, v, head_dim, key_start, static_cast<uint16_t*>(key_page),
                     static_cast<uint16_t*>(value_page) + value_start);
    return;
  }
  float* keys = static_cast<float*>(key_page) + key_start;
  for (int64_t d = 0; d < head_dim; ++d) keys[d * kKeyLanes] = k[d];
  map_one<V>(v, head_dim, static_cast<float*>(value_page) + value_start, [](V x) { return x; });
}

}  // namespace
}  // namespace hearth::kernels
