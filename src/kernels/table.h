// The kernel table: plain function pointers of one instruction set level, chosen once at start.
//
// Contract: every table computes the same bits as ref/, which states each order of operations (docs/numerics.md). A table
// chooses its own panel layout. All functions are pure over their arguments and thread-safe; none allocates.
// Not here: choosing a table (kernels/select.h), splitting work over threads (backend/cpu).
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/layout.h"

namespace hearth::kernels {

inline constexpr int kBlock = 32;              // activation block along K
inline constexpr int kPanelRows = 32;          // weight rows that are one unit of work
inline constexpr int kAttentionChunk = 256;    // positions per attention chunk, anchored at position 0
inline constexpr int kPagePositions = 64;      // positions per KV page; divides kAttentionChunk
inline constexpr int kKeyLanes = 16;           // keys are interleaved by this many positions
inline constexpr int kMaxHeadDim = 512;

// Activations of several tokens as a weight's dot product sees them. Rows are contiguous: token t starts at t*k (q, x),
// t*k/32 (scale, scale_sum), t*k/16 (half_sum). Quantised weights read q.., float weights read x; the other may be null.
struct Inputs {
  int64_t k;                 // values per token
  const int8_t* q;           // [tokens, k]
  const float* scale;        // [tokens, k/32]
  const int32_t* half_sum;   // [tokens, k/16] sums of q over 16 values
  const float* scale_sum;    // [tokens, k/32] scale * float(sum over 32), rounded once
  const float* x;            // [tokens, k]
};

// Up to 32 rows of one weight as they lie in the file.
struct WeightRows {
  const void* data;
  int64_t row_bytes;
  int rows;                  // 1..32; results of the rest of a panel are meaningless
};

// How one block format is multiplied. Blocks are counted in 32 columns; begin and count are multiples of 8 for the
// formats with blocks of 256.
struct FormatKernels {
  size_t panel_bytes_per_block;  // of 32 columns x 32 rows; 0: the format is absent from this table
  // Converts blocks [begin, begin+count) of the rows into a panel (64-byte aligned).
  void (*convert)(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
  // The panel holds blocks [begin, begin+count), panel_bytes_per_block each, so part of a panel is a panel. Tokens
  // [first, first+tokens) continue their sums over them:
  // acc[i][r], i = token - first, is [tokens, 32], 64-byte aligned.
  void (*multiply)(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc);
  // Straight from the file's bytes for tokens [first, first+tokens) over all of K: acc, [tokens, 32], is overwritten.
  // Null: use the panel.
  void (*decode)(const WeightRows& weights, const Inputs& in, int first, int tokens, float* acc);
  int decode_tokens;  // up to so many tokens it is the faster way
};

enum class KvType : uint8_t { kF32, kF16, kInt8 };  // page layouts: kernels/kv_page.h

// One chunk of keys and values of one KV head, seen by several queries. Slots that no query sees may hold anything, and pages
// that no query sees may be null; slots that some queries see never touch the others' results. Any head_dim in
// 1..kMaxHeadDim. Queries are read as floats, beside kInt8 pages in their quantised form only.
struct AttentionChunk {
  const void* const* key_pages;    // of this chunk: up to 256/64
  const void* const* value_pages;
  const void* const* next_key_pages = nullptr;  // up to 4, of the chunk that comes next: only fetched; it or any may be null
  KvType type;
  int head_dim;
  int first_position;              // multiple of 256
  float scale;
  int queries;
  const float* const* q;           // [queries] pointers to head_dim floats
  const int8_t* q_int8;            // [queries, ceil(head_dim/32)*32], absent values 0; of quantise()
  const float* q_scale;            // [queries, ceil(head_dim/32)]
  const int32_t* begin;            // [queries] first visible position (absolute)
  const int32_t* end;              // [queries] one past the last visible position (absolute)
  float* m;                        // [queries] out: maximum score; -inf if nothing is visible (then l and o are 0)
  float* l;                        // [queries] out: sum of exponentials
  float* o;                        // [queries, head_dim] out: unnormalised values
  float* scratch;                  // [queries, 256], 64-byte aligned
};

struct KernelTable {
  const char* name;  // "ref", "avx2", "avxvnni", "avx512"
  FormatKernels formats[quant::kFormatLimit];

  // Quantises n values (multiple of 32). False if Inf or NaN is met.
  bool (*quantise)(const float* x, int64_t n, int8_t* q, float* scale, int32_t* half_sum, float* scale_sum);
  // y = (x * (1/sqrt(mean(x^2) + eps))) * w; y may be x.
  void (*rms_norm)(const float* x, const float* w, float eps, int64_t n, float* y);
  void (*add)(float* x, const float* y, int64_t n);                    // x += y
  void (*multiply_scalar)(float* x, float factor, int64_t n);          // x *= factor
  void (*silu_gate)(const float* g, const float* u, int64_t n, float* y);  // (g/(1+exp(-g)))*u
  void (*gelu_gate)(const float* g, const float* u, int64_t n, float* y);  // tanh form of GELU, times u
  // Rotates `heads` heads of `head_dim` in place, the first 2*pairs values of each. cos_sin is [pairs][2].
  // neox: pair (i, i+pairs); else pair (2i, 2i+1). y0 = fma(x0, c, -(x1*s)), y1 = fma(x0, s, x1*c).
  void (*rope)(float* x, int heads, int head_dim, int pairs, const float* cos_sin, bool neox);
  // Writes one position's key and value of one KV head into their pages. slot = position % kPagePositions.
  void (*store_kv)(const float* k, const float* v, int head_dim, int slot, KvType type, void* key_page, void* value_page);
  void (*attention_chunk)(const AttentionChunk& chunk);
  // Folds chunk results (mc, lc, oc) into the running (m, l, o). m = -inf, l = 0 at the start: then it copies.
  void (*attention_fold)(float* m, float* l, float* o, float mc, float lc, const float* oc, int head_dim);
  void (*attention_finish)(const float* o, float l, int head_dim, float* out);  // out = o / l
  float (*maximum)(const float* x, int64_t n);  // -inf of nothing; never -0
  // y[i] = exp((x[i] - m) * inverse_temperature); returns the 16-lane sum in index order.
  float (*exp_sum)(const float* x, float m, float inverse_temperature, int64_t n, float* y);
  void (*soft_cap)(float* x, float cap, int64_t n);                    // cap * tanh(x/cap)
  bool (*finite)(const float* x, int64_t n);
};

extern const KernelTable kRefTable;
extern const KernelTable kAvx2Table;
extern const KernelTable kAvxVnniTable;
extern const KernelTable kAvx512Table;

}  // namespace hearth::kernels
