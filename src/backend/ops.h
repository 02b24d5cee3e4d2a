// Backend: where tensors live and the ops that run on them, eagerly and in program order.
//
// Contract: an op is one fused group. Numerics are those of docs/numerics.md, whatever the backend's threads and batch.
// Ops that quantise fail with kNumeric when they meet Inf or NaN. One thread at a time.
// Not here: which op follows which (model/blocks), inner loops (kernels).
#pragma once

#include <cstdint>
#include <span>

#include "hearth/error.h"
#include "kernels/table.h"
#include "tensor/tensor.h"

namespace hearth::backend {

using tensor::Tensor;

enum class Gate : uint8_t { kSilu, kGeluTanh };

// The activations of a batch as weights read them: always as float32, quantised too where a consumer needs it.
struct Activation {
  int64_t width = 0;
  bool wants_quantised = false;  // a consumer has quantised weights
  float* x = nullptr;            // [tokens, width]
  int8_t* q = nullptr;           // [tokens, width]
  float* scale = nullptr;        // [tokens, width/32]
  int32_t* half_sum = nullptr;   // [tokens, width/16]
  float* scale_sum = nullptr;    // [tokens, width/32]
  // Rows for which weights also see what rounding to int8 took away: the rest of row refined[i], itself as int8, becomes row
  // tokens + i, and its products are added to theirs. Without effect on weights of floats.
  std::span<const int32_t> refined = {};
};

// The first half of what an adapter adds to some tokens of a batch: low[i] = (down * in[first + i]) * scale.
struct LowRankJob {
  const Tensor* down;    // [rank, columns = width of the input]
  float scale;
  int first, count;      // tokens of the batch
  float* low;            // [count, rank]
};

// The second half: up * low[i] is added to what a weight makes of token first + i, after the bias.
struct LowRankTerm {
  const Tensor* up;      // [rows of the weight, rank]
  const float* low;      // [count, rank]
  int first, count;
};

// One weight of a linear group. bias may be null.
struct LinearJob {
  const Tensor* weight;  // [rows, columns = width of the input]
  const float* bias;     // [rows]
  float* out;            // [tokens, rows]
  std::span<const LowRankTerm> terms = {};  // added one after the other; tokens that no term names are left alone
};

// The two weights of a gated unit.
struct GateJob {
  const Tensor* gate;    // [rows, columns = width of the input]
  const Tensor* up;      // [rows, columns]
  Gate kind;
  std::span<const LowRankTerm> gate_terms = {}, up_terms = {};
};

// Rotation of one kind of layer: cos and sin of every token of the batch.
struct Rope {
  int pairs = 0;               // rotated pairs per head; 0: none
  bool neox = false;           // pair (i, i+pairs), else (2i, 2i+1)
  const float* cos_sin = nullptr;  // [tokens, pairs, 2]
};

// Tokens of one session inside a batch, and the pages their keys and values live in.
struct AttentionRun {
  int first = 0;                 // row in the batch
  int count = 0;
  int64_t start = 0;             // position of the first row
  std::byte* const* pages = nullptr;  // page base pointers, by position / kPagePositions
  bool refined = false;          // see Activation
};

// Where one layer's keys and values lie inside a page: per KV head a block of keys, then a block of values.
struct KvLayout {
  kernels::KvType type = kernels::KvType::kF16;
  int64_t layer_offset = 0;      // bytes from the page base
  int64_t key_bytes = 0;         // bytes of one head's keys: its values follow them
  int64_t head_bytes = 0;        // bytes of one head's keys and values
};

struct AttentionShape {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int window = 0;                // last positions seen, itself included; 0: all
  float scale = 1;
  float eps = 0;                 // of the query and key norms
  const float* query_norm = nullptr;  // [head_dim]; null: none
  const float* key_norm = nullptr;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // x[t] = table[ids[t]] * scale.
  virtual void embed(const Tensor& table, std::span<const int32_t> ids, float scale, float* x) = 0;
  // out = norm(x) * weight.
  virtual Result<void> norm_quantise(const float* x, const float* weight, float eps, int64_t tokens,
                                     Activation& out) = 0;
  // x += norm(y) * weight. y is overwritten.
  virtual void norm_add(float* y, const float* weight, float eps, int64_t tokens, int64_t width, float* x) = 0;
  // job.low = (down * in) * scale, for every job.
  virtual void low_rank(const Activation& in, std::span<const LowRankJob> jobs) = 0;
  // job.out = weight * in + bias + terms, for every job.
  virtual void linear_store(const Activation& in, int64_t tokens, std::span<const LinearJob> jobs) = 0;
  // job.out += weight * in + bias + terms.
  virtual void linear_add(const Activation& in, int64_t tokens, const LinearJob& job) = 0;
  // out = gate(job.gate * in + terms) * (job.up * in + terms).
  virtual Result<void> linear_gate(const Activation& in, int64_t tokens, const GateJob& job, Activation& out) = 0;
  // Norms (if any) and rotates q and k in place and writes k and v into the pages of their positions.
  virtual void attention_store(float* q, float* k, const float* v, std::span<const AttentionRun> runs,
                               const AttentionShape& shape, const Rope& rope, const KvLayout& kv) = 0;
  // out = softmax(scale * q k^T) v over each token's visible positions.
  virtual Result<void> attention(const float* q, std::span<const AttentionRun> runs, int64_t tokens,
                                 const AttentionShape& shape, const KvLayout& kv, Activation& out) = 0;
  virtual void soft_cap(float* x, float cap, int64_t values) = 0;
};

}  // namespace hearth::backend
