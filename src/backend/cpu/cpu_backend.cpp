// Scratch of the CPU backend and the ops that go token by token; see cpu_backend.h.
#include "backend/cpu/cpu_backend.h"

#include <algorithm>
#include <string>

#include "kernels/kv_page.h"
#include "quant/traits.h"

namespace hearth::backend {
namespace {

constexpr int64_t kAlign = 64;

uint64_t aligned(uint64_t bytes) { return (bytes + kAlign - 1) & ~uint64_t{kAlign - 1}; }

// A head of queries as int8, with what quantising it needs beside.
struct Int8QueryLayout {
  explicit Int8QueryLayout(const CpuLimits& limits) {
    const uint64_t blocks = kernels::head_blocks(limits.max_head_dim);
    values = blocks * kernels::kBlock;
    rest = aligned(values * sizeof(float) + blocks * (2 * sizeof(int32_t) + sizeof(float)));
    scales = blocks * sizeof(float);
  }
  uint64_t values, scales, rest;
};

struct WorkerLayout {
  uint64_t panel, tail_x, tail_rows, acc, term, scores, head, maxima, queries, visible, int8_values, int8_scales, int8_rest, total;
};

WorkerLayout worker_layout(const kernels::KernelTable& table, const CpuLimits& limits) {
  uint64_t per_block = 0;
  for (const auto& format : table.formats) per_block = std::max<uint64_t>(per_block, format.panel_bytes_per_block);
  const uint64_t queries = query_tile_limit(limits.max_group);
  WorkerLayout layout;
  layout.panel = aligned(per_block * ((limits.max_columns + kernels::kBlock - 1) / kernels::kBlock));
  layout.tail_x = aligned(uint64_t{kernels::kBlock} * limits.max_tokens * sizeof(float));
  layout.tail_rows = aligned(uint64_t{kernels::kBlock} * kernels::kPanelRows * sizeof(float));
  layout.acc = aligned(uint64_t{2} * limits.max_tokens * kernels::kPanelRows * sizeof(float));
  layout.term = limits.adapters ? layout.acc / 2 : 0;
  layout.scores = aligned(queries * kernels::kAttentionChunk * sizeof(float));
  layout.head = aligned(queries * limits.max_head_dim * sizeof(float));
  layout.maxima = aligned(4 * queries * sizeof(float));
  layout.queries = aligned(queries * sizeof(float*));
  layout.visible = aligned(2 * queries * sizeof(int32_t));
  const Int8QueryLayout int8(limits);
  layout.int8_values = aligned(queries * int8.values);
  layout.int8_scales = aligned(queries * int8.scales);
  layout.int8_rest = int8.rest;
  layout.total = layout.panel + layout.tail_x + layout.tail_rows + layout.acc + layout.term + layout.scores +
                 2 * layout.head + layout.maxima + layout.queries + layout.visible + layout.int8_values + layout.int8_scales +
                 layout.int8_rest + 4096;  // a page apart, so that two workers never share a line
  return layout;
}

}  // namespace

kernels::Inputs inputs_of(const Activation& in) {
  return {in.width, in.q, in.scale, in.half_sum, in.scale_sum, in.x};
}

uint64_t CpuBackend::scratch_bytes(const kernels::KernelTable& table, int threads, const CpuLimits& limits) {
  return worker_layout(table, limits).total * threads + kPartialFloats * sizeof(float);
}

Result<std::unique_ptr<CpuBackend>> CpuBackend::create(const kernels::KernelTable& table, ThreadPool& pool,
                                                       const CpuLimits& limits) {
  std::unique_ptr<CpuBackend> backend(new CpuBackend(table, pool, limits));
  backend->storage_ = TRY(tensor::Storage::allocate(scratch_bytes(table, pool.workers(), limits), "working space"));
  const WorkerLayout layout = worker_layout(table, limits);
  std::byte* next = backend->storage_.data();
  const auto take = [&next](uint64_t bytes) { return std::exchange(next, next + bytes); };
  for (int i = 0; i < pool.workers(); ++i) {
    std::byte* start = next;
    Worker worker;
    worker.panel = take(layout.panel);
    worker.tail_x = reinterpret_cast<float*>(take(layout.tail_x));
    worker.tail_rows = take(layout.tail_rows);
    worker.acc = reinterpret_cast<float*>(take(layout.acc));
    worker.term = reinterpret_cast<float*>(take(layout.term));
    worker.scores = reinterpret_cast<float*>(take(layout.scores));
    worker.chunk_o = reinterpret_cast<float*>(take(layout.head));
    worker.running_o = reinterpret_cast<float*>(take(layout.head));
    worker.maxima = reinterpret_cast<float*>(take(layout.maxima));
    worker.queries = reinterpret_cast<const float**>(take(layout.queries));
    worker.visible = reinterpret_cast<int32_t*>(take(layout.visible));
    worker.query_int8 = reinterpret_cast<int8_t*>(take(layout.int8_values));
    worker.query_scales = reinterpret_cast<float*>(take(layout.int8_scales));
    worker.query_rest = reinterpret_cast<float*>(take(layout.int8_rest));
    backend->workers_.push_back(worker);
    next = start + layout.total;
  }
  backend->partials_ = reinterpret_cast<float*>(next);
  backend->partial_floats_ = kPartialFloats;
  return backend;
}

bool CpuBackend::quantise_row(Activation& out, int64_t t) const {
  const int64_t width = out.width;
  return table_.quantise(out.x + t * width, width, out.q + t * width, out.scale + t * (width / 32),
                         out.half_sum + t * (width / 16), out.scale_sum + t * (width / 32));
}

// Rounding a finite row leaves a finite rest, so this cannot fail.
void CpuBackend::refine(Activation& out, int64_t tokens) {
  if (!out.wants_quantised) return;
  const int64_t width = out.width;
  for_each_token(static_cast<int64_t>(out.refined.size()), [&](int64_t i) {
    const int64_t t = out.refined[i];
    const float* x = out.x + t * width;
    float* rest = out.x + (tokens + i) * width;
    for (int64_t k = 0; k < width; ++k) {
      rest[k] = x[k] - static_cast<float>(out.q[t * width + k]) * out.scale[t * (width / 32) + k / 32];
    }
    quantise_row(out, tokens + i);
  });
}

Result<void> CpuBackend::quantised(bool ok, const char* op) const {
  if (ok) return {};
  return Error{ErrorCode::kNumeric, std::string("infinite or undefined value met in ") + op};
}

void CpuBackend::embed(const Tensor& table, std::span<const int32_t> ids, float scale, float* x) {
  const quant::FormatTraits& traits = quant::traits(table.format);
  for_each_token(static_cast<int64_t>(ids.size()), [&](int64_t t) {
    float* row = x + t * table.columns;
    traits.decode_row(static_cast<const std::byte*>(table.data) + ids[t] * table.row_bytes, table.columns, row);
    if (scale != 1.0f) table_.multiply_scalar(row, scale, table.columns);
  });
}

Result<void> CpuBackend::norm_quantise(const float* x, const float* weight, float eps, int64_t tokens,
                                       Activation& out) {
  std::atomic<bool> ok{true};
  for_each_token(tokens, [&](int64_t t) {
    table_.rms_norm(x + t * out.width, weight, eps, out.width, out.x + t * out.width);
    const bool good = out.wants_quantised ? quantise_row(out, t) : table_.finite(out.x + t * out.width, out.width);
    if (!good) ok.store(false, std::memory_order_relaxed);
  });
  refine(out, tokens);
  return quantised(ok.load(), "the norm");
}

void CpuBackend::norm_add(float* y, const float* weight, float eps, int64_t tokens, int64_t width, float* x) {
  for_each_token(tokens, [&](int64_t t) {
    table_.rms_norm(y + t * width, weight, eps, width, y + t * width);
    table_.add(x + t * width, y + t * width, width);
  });
}

void CpuBackend::attention_store(float* q, float* k, const float* v, std::span<const AttentionRun> runs,
                                 const AttentionShape& shape, const Rope& rope, const KvLayout& kv) {
  const int head_dim = shape.head_dim;
  for (const AttentionRun& run : runs) {
    for_each_token(run.count, [&](int64_t i) {
      const int64_t t = run.first + i, position = run.start + i;
      float* query = q + t * shape.heads * head_dim;
      float* key = k + t * shape.kv_heads * head_dim;
      const float* value = v + t * shape.kv_heads * head_dim;
      const auto norm_heads = [&](float* x, int heads, const float* weight) {
        for (int h = 0; weight && h < heads; ++h) {
          table_.rms_norm(x + h * head_dim, weight, shape.eps, head_dim, x + h * head_dim);
        }
      };
      norm_heads(query, shape.heads, shape.query_norm);
      norm_heads(key, shape.kv_heads, shape.key_norm);
      if (rope.pairs > 0) {
        const float* cos_sin = rope.cos_sin + t * rope.pairs * 2;
        table_.rope(query, shape.heads, head_dim, rope.pairs, cos_sin, rope.neox);
        table_.rope(key, shape.kv_heads, head_dim, rope.pairs, cos_sin, rope.neox);
      }
      std::byte* page = run.pages[position / kernels::kPagePositions] + kv.layer_offset;
      for (int h = 0; h < shape.kv_heads; ++h, page += kv.head_bytes) {
        table_.store_kv(key + h * head_dim, value + h * head_dim, head_dim,
                        static_cast<int>(position % kernels::kPagePositions), kv.type, page, page + kv.key_bytes);
      }
    });
  }
}

void CpuBackend::soft_cap(float* x, float cap, int64_t values) { table_.soft_cap(x, cap, values); }

}  // namespace hearth::backend
