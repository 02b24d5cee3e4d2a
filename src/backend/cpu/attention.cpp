// Attention of the CPU backend: query tiles of one KV head, walked over chunks of 256 positions.
//
// Contract: chunks are anchored at position 0 and folded left in order (docs/numerics.md, rule 6), whether one thread
// walks them all or several compute them apart and fold afterwards; the bits are the same.
// Not here: the arithmetic of one chunk (kernels), writing keys and values (cpu_backend.cpp).
#include <algorithm>
#include <array>
#include <limits>

#include "backend/cpu/cpu_backend.h"
#include "kernels/kv_page.h"

namespace hearth::backend {

// Some tokens of one run, for one KV head.
struct CpuBackend::AttentionItem {
  const AttentionRun* run;
  int kv_head;
  int first;   // token within the run
  int tokens;
};

struct CpuBackend::AttentionCall {
  const float* q;
  std::span<const AttentionRun> runs;
  const AttentionShape& shape;
  const KvLayout& kv;
  int group;         // query heads per KV head
  int tile_tokens;   // tokens per item

  int64_t items() const {
    int64_t count = 0;
    for (const AttentionRun& run : runs) count += items_of(run);
    return count;
  }
  int64_t tiles_of(const AttentionRun& run) const { return (run.count + tile_tokens - 1) / tile_tokens; }
  int64_t items_of(const AttentionRun& run) const { return tiles_of(run) * shape.kv_heads; }
  // Later tiles see more positions: they are handed out first, so that the last ones to finish are small.
  AttentionItem item(int64_t index) const {
    const AttentionRun* run = runs.data();
    while (index >= items_of(*run)) index -= items_of(*run++);
    const int64_t tile = tiles_of(*run) - 1 - index / shape.kv_heads;
    const int first = static_cast<int>(tile) * tile_tokens;
    return {run, static_cast<int>(index % shape.kv_heads), first, std::min(tile_tokens, run->count - first)};
  }
  int64_t first_visible(int64_t position) const {
    return shape.window > 0 ? std::max<int64_t>(0, position - shape.window + 1) : 0;
  }
  int64_t first_chunk(const AttentionItem& item) const {
    return first_visible(item.run->start + item.first) / kernels::kAttentionChunk;
  }
  int64_t end_chunk(const AttentionItem& item) const {
    return (item.run->start + item.first + item.tokens - 1) / kernels::kAttentionChunk + 1;
  }
  int64_t chunks_of(const AttentionItem& item) const { return end_chunk(item) - first_chunk(item); }
};

void CpuBackend::fill_queries(const AttentionCall& call, const AttentionItem& item, Worker& worker) const {
  const int head_dim = call.shape.head_dim;
  int32_t* end = worker.visible + query_tile_limit(limits_.max_group);
  for (int t = 0; t < item.tokens; ++t) {
    const int64_t row = item.run->first + item.first + t, position = item.run->start + item.first + t;
    for (int g = 0; g < call.group; ++g) {
      const int query = t * call.group + g;
      worker.queries[query] = call.q + (row * call.shape.heads + item.kv_head * call.group + g) * head_dim;
      if (call.kv.type == kernels::KvType::kInt8) quantise_query(worker.queries[query], head_dim, query, worker);
      worker.visible[query] = static_cast<int32_t>(call.first_visible(position));
      end[query] = static_cast<int32_t>(position + 1);
    }
  }
}

// Blocks of 32, the last one padded with zeros. Inf or NaN gives scales of NaN, which the output shows.
void CpuBackend::quantise_query(const float* q, int head_dim, int query, Worker& worker) const {
  const int64_t blocks = kernels::head_blocks(head_dim), padded = blocks * kernels::kBlock;
  float* values = worker.query_rest;
  std::copy_n(q, head_dim, values);
  std::fill(values + head_dim, values + padded, 0.0f);
  float* scale_sums = values + padded;
  auto* half_sums = reinterpret_cast<int32_t*>(scale_sums + blocks);
  int8_t* out = worker.query_int8 + query * padded;
  float* scales = worker.query_scales + query * blocks;
  if (table_.quantise(values, padded, out, scales, half_sums, scale_sums)) return;
  std::fill_n(out, padded, int8_t{0});
  std::fill_n(scales, blocks, std::numeric_limits<float>::quiet_NaN());
}

void CpuBackend::attend_chunk(const AttentionCall& call, const AttentionItem& item, int64_t chunk, Worker& worker,
                              float* m, float* l, float* o) const {
  constexpr int kPages = kernels::kAttentionChunk / kernels::kPagePositions;
  const int64_t head = call.kv.layer_offset + item.kv_head * call.kv.head_bytes;
  const int64_t last_page = (item.run->start + item.first + item.tokens - 1) / kernels::kPagePositions;
  std::array<const void*, kPages> keys{}, values{}, next_keys{};
  for (int page = 0; page < kPages && chunk * kPages + page <= last_page; ++page) {
    const std::byte* base = item.run->pages[chunk * kPages + page] + head;
    keys[page] = base;
    values[page] = base + call.kv.key_bytes;
  }
  for (int page = 0; page < kPages && (chunk + 1) * kPages + page <= last_page; ++page) {
    next_keys[page] = item.run->pages[(chunk + 1) * kPages + page] + head;
  }
  kernels::AttentionChunk args;
  args.key_pages = keys.data();
  args.value_pages = values.data();
  args.next_key_pages = next_keys.data();
  args.type = call.kv.type;
  args.head_dim = call.shape.head_dim;
  args.first_position = static_cast<int>(chunk * kernels::kAttentionChunk);
  args.scale = call.shape.scale;
  args.queries = item.tokens * call.group;
  args.q = worker.queries;
  args.q_int8 = worker.query_int8;
  args.q_scale = worker.query_scales;
  args.begin = worker.visible;
  args.end = worker.visible + query_tile_limit(limits_.max_group);
  args.m = m;
  args.l = l;
  args.o = o;
  args.scratch = worker.scores;
  table_.attention_chunk(args);
}

void CpuBackend::attend_item(const AttentionCall& call, const AttentionItem& item, Worker& worker) const {
  const int tile = query_tile_limit(limits_.max_group), head_dim = call.shape.head_dim;
  const int queries = item.tokens * call.group;
  float *m = worker.maxima, *l = m + tile, *running_m = l + tile, *running_l = running_m + tile;
  std::fill_n(running_m, queries, -std::numeric_limits<float>::infinity());
  std::fill_n(running_l, queries, 0.0f);
  fill_queries(call, item, worker);
  for (int64_t chunk = call.first_chunk(item); chunk < call.end_chunk(item); ++chunk) {
    attend_chunk(call, item, chunk, worker, m, l, worker.chunk_o);
    for (int query = 0; query < queries; ++query) {
      if (m[query] == -std::numeric_limits<float>::infinity()) continue;
      table_.attention_fold(running_m + query, running_l + query, worker.running_o + query * head_dim, m[query],
                            l[query], worker.chunk_o + query * head_dim, head_dim);
    }
  }
}

void CpuBackend::attend_whole(const AttentionCall& call, float* out) {
  const int tile = query_tile_limit(limits_.max_group), head_dim = call.shape.head_dim;
  pool_.parallel_for(call.items(), 1, [&](int w, int64_t claimed, int64_t) {
    Worker& worker = workers_[w];
    const AttentionItem item = call.item(claimed);
    attend_item(call, item, worker);
    for (int query = 0; query < item.tokens * call.group; ++query) {
      const int64_t row = item.run->first + item.first + query / call.group;
      const int64_t head = item.kv_head * call.group + query % call.group;
      table_.attention_finish(worker.running_o + query * head_dim, worker.maxima[3 * tile + query], head_dim,
                              out + (row * call.shape.heads + head) * head_dim);
    }
  });
}

// Stretches of chunks are handed out apart, then folded query by query.
void CpuBackend::attend_split(const AttentionCall& call, int64_t chunks, float* out) {
  const int head_dim = call.shape.head_dim, queries = call.tile_tokens * call.group;
  const int64_t items = call.items();
  const auto partial = [&](int64_t item, int64_t chunk) {
    return partials_ + (item * chunks + chunk) * queries * (head_dim + 2);  // [queries] m, [queries] l, [queries, head_dim] o
  };
  const int64_t stretch = std::max<int64_t>(1, items * chunks / (pool_.workers() * kStretchesPerWorker));
  pool_.parallel_for(items * chunks, stretch, [&](int w, int64_t begin, int64_t end) {
    Worker& worker = workers_[w];
    int64_t filled = -1;  // the item whose queries the worker holds
    for (int64_t claimed = begin; claimed < end; ++claimed) {
      const AttentionItem item = call.item(claimed / chunks);
      const int64_t chunk = claimed % chunks;
      if (chunk >= call.chunks_of(item)) continue;
      if (filled != claimed / chunks) fill_queries(call, item, worker);
      filled = claimed / chunks;
      float* result = partial(filled, chunk);
      attend_chunk(call, item, call.first_chunk(item) + chunk, worker, result, result + queries, result + 2 * queries);
    }
  });
  pool_.parallel_for(items * queries, 1, [&](int w, int64_t claimed, int64_t) {
    float* running = workers_[w].running_o;
    const AttentionItem item = call.item(claimed / queries);
    const int64_t query = claimed % queries;
    if (query >= item.tokens * call.group) return;
    float m = -std::numeric_limits<float>::infinity(), l = 0;
    for (int64_t chunk = 0; chunk < call.chunks_of(item); ++chunk) {
      const float* result = partial(claimed / queries, chunk);
      if (result[query] == -std::numeric_limits<float>::infinity()) continue;
      table_.attention_fold(&m, &l, running, result[query], result[queries + query],
                            result + 2 * queries + query * head_dim, head_dim);
    }
    const int64_t row = item.run->first + item.first + query / call.group;
    const int64_t head = item.kv_head * call.group + query % call.group;
    table_.attention_finish(running, l, head_dim, out + (row * call.shape.heads + head) * head_dim);
  });
}

Result<void> CpuBackend::attention(const float* q, std::span<const AttentionRun> runs, int64_t tokens,
                                   const AttentionShape& shape, const KvLayout& kv, Activation& out) {
  const int group = shape.heads / shape.kv_heads;
  int most_tokens = 1;  // of a run
  for (const AttentionRun& run : runs) most_tokens = std::max(most_tokens, static_cast<int>(run.count));
  const AttentionCall call{q, runs, shape, kv, group, std::clamp(kQueryTile / group, 1, most_tokens)};
  int64_t longest = 0, all = 0;  // chunks of an item
  for (int64_t i = 0; i < call.items(); ++i) {
    const int64_t chunks = call.chunks_of(call.item(i));
    longest = std::max(longest, chunks);
    all += chunks;
  }
  // Few items, or one far longer than the others, leave threads idle: then chunks are shared out too.
  const bool uneven = pool_.workers() > 1 && longest > 1 && longest * 2 * pool_.workers() > all;
  const int64_t floats = call.items() * longest * call.tile_tokens * group * (shape.head_dim + 2);
  if (uneven && floats <= partial_floats_) {
    attend_split(call, longest, out.x);
  } else {
    attend_whole(call, out.x);
  }
  std::atomic<bool> ok{true};
  for_each_token(tokens, [&](int64_t t) {
    const bool good = out.wants_quantised ? quantise_row(out, t) : table_.finite(out.x + t * out.width, out.width);
    if (!good) ok.store(false, std::memory_order_relaxed);
  });
  refine(out, tokens);
  return quantised(ok.load(), "attention");
}

}  // namespace hearth::backend
