// The CPU backend: ops split over a thread pool, inner loops from one kernel table.
//
// Contract: results do not depend on the number of threads. Each output is computed by one thread over the whole of K.
// After create() no op allocates. One op at a time.
// Not here: the loops themselves (kernels), the op list (backend/ops.h).
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "backend/ops.h"
#include "base/thread_pool.h"
#include "tensor/storage.h"

namespace hearth::backend {

// The largest values an op will meet; scratch is sized from them once.
struct CpuLimits {
  int max_tokens = 0;        // per batch
  int64_t max_columns = 0;   // of any weight, adapters' included
  int max_heads = 0;         // query heads of any layer
  int max_head_dim = 0;
  int max_group = 1;         // query heads per KV head
  int max_runs = 1;          // sessions in one batch
  bool adapters = false;     // linear ops may be given terms of low rank
};

class CpuBackend final : public Backend {
 public:
  static Result<std::unique_ptr<CpuBackend>> create(const kernels::KernelTable& table, ThreadPool& pool,
                                                    const CpuLimits& limits);
  // Bytes that create() would reserve.
  static uint64_t scratch_bytes(const kernels::KernelTable& table, int threads, const CpuLimits& limits);

  void embed(const Tensor& table, std::span<const int32_t> ids, float scale, float* x) override;
  Result<void> norm_quantise(const float* x, const float* weight, float eps, int64_t tokens, Activation& out) override;
  void norm_add(float* y, const float* weight, float eps, int64_t tokens, int64_t width, float* x) override;
  void low_rank(const Activation& in, std::span<const LowRankJob> jobs) override;
  void linear_store(const Activation& in, int64_t tokens, std::span<const LinearJob> jobs) override;
  void linear_add(const Activation& in, int64_t tokens, const LinearJob& job) override;
  Result<void> linear_gate(const Activation& in, int64_t tokens, const GateJob& job, Activation& out) override;
  void attention_store(float* q, float* k, const float* v, std::span<const AttentionRun> runs,
                       const AttentionShape& shape, const Rope& rope, const KvLayout& kv) override;
  Result<void> attention(const float* q, std::span<const AttentionRun> runs, int64_t tokens,
                         const AttentionShape& shape, const KvLayout& kv, Activation& out) override;
  void soft_cap(float* x, float cap, int64_t values) override;

 private:
  // What one worker needs while it runs an op; all pointers lie in storage_.
  struct Worker {
    std::byte* panel;      // one panel over max_columns
    float* tail_x;         // [max_tokens, 32] last columns of a width that is no multiple of 32
    std::byte* tail_rows;  // [32, 32] weights of those columns
    float* acc;            // [2, max_tokens, 32]
    float* term;           // [max_tokens, 32] of an adapter; nothing without adapters
    float* scores;         // [queries, 256]
    float* chunk_o;        // [queries, head_dim]
    float* running_o;      // [queries, head_dim]
    float* maxima;         // [4, queries]: m, l of the chunk, m, l running
    const float** queries; // [queries]
    int32_t* visible;      // [2, queries]
    int8_t* query_int8;    // [queries, head_dim up to a multiple of 32], for int8 keys
    float* query_scales;   // [queries, blocks of 32]
    float* query_rest;     // one padded query, then the sums that quantising yields beside
  };
  struct AttentionItem;  // attention.cpp
  struct AttentionCall;

  CpuBackend(const kernels::KernelTable& table, ThreadPool& pool, const CpuLimits& limits)
      : table_(table), pool_(pool), limits_(limits) {}

  template <class Body>
  void for_each_token(int64_t tokens, Body&& body);
  void multiply_panel(const Tensor& weight, int64_t row, int rows, const kernels::Inputs& in, int tokens,
                      Worker& worker, float* acc) const;
  void multiply_tail(const Tensor& weight, int64_t row, int rows, const kernels::Inputs& in, int tokens, Worker& worker,
                     float* acc) const;
  void add_terms(std::span<const LowRankTerm> terms, int64_t row, int rows, Worker& worker, float* acc) const;
  // multiply_panel over all rows of `in`; what the rests of refined rows yield is added to theirs.
  // acc: [tokens + refined rows, 32].
  void multiply_rows(const Tensor& weight, int64_t row, int rows, const Activation& in, int64_t tokens, Worker& worker,
                     float* acc) const;
  bool quantise_row(Activation& out, int64_t token) const;
  void refine(Activation& out, int64_t tokens);
  Result<void> quantised(bool ok, const char* op) const;

  void attend_item(const AttentionCall& call, const AttentionItem& item, Worker& worker) const;
  void attend_chunk(const AttentionCall& call, const AttentionItem& item, int64_t chunk, Worker& worker, float* m,
                    float* l, float* o) const;
  void attend_split(const AttentionCall& call, int64_t chunks, float* out);
  void attend_whole(const AttentionCall& call, float* out);
  void fill_queries(const AttentionCall& call, const AttentionItem& item, Worker& worker) const;
  void quantise_query(const float* q, int head_dim, int query, Worker& worker) const;

  const kernels::KernelTable& table_;
  ThreadPool& pool_;
  CpuLimits limits_;
  tensor::Storage storage_;
  std::vector<Worker> workers_;
  float* partials_ = nullptr;        // split attention: (m, l, o) per run, head and chunk
  int64_t partial_floats_ = 0;
};

// Query rows that share one read of keys and values.
inline constexpr int kQueryTile = 48;
// Split attention hands out so many stretches of chunks per worker: a stretch fetches ahead, and the last one should be short.
inline constexpr int64_t kStretchesPerWorker = 8;
// Up to this many tokens, panels are chunks of so many blocks: a chunk stays in the first-level cache, and the next one is
// fetched while it is multiplied.
inline constexpr int kSmallBatchTokens = 48;
inline constexpr int64_t kSmallBatchBlocks = 8;
// An adapter's first matrix has few rows: it is divided by so many tokens, too.
inline constexpr int64_t kLowRankTokens = 48;
// Split attention keeps at most this many partial floats; longer contexts go unsplit.
inline constexpr int64_t kPartialFloats = int64_t{1} << 20;

// Up to this many tokens are done by the calling thread: forking costs more than the work.
inline constexpr int64_t kSerialTokens = 3;

inline int query_tile_limit(int group) { return group > kQueryTile ? group : kQueryTile; }

kernels::Inputs inputs_of(const Activation& in);

template <class Body>
void CpuBackend::for_each_token(int64_t tokens, Body&& body) {
  if (tokens <= kSerialTokens || pool_.workers() == 1) {
    for (int64_t t = 0; t < tokens; ++t) body(t);
    return;
  }
  pool_.run([&](int worker, int workers) {
    const int64_t begin = tokens * worker / workers, end = tokens * (worker + 1) / workers;
    for (int64_t t = begin; t < end; ++t) body(t);
  });
}

}  // namespace hearth::backend
