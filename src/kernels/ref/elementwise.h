// The scalar specification of every table function that is not a weight format: elementwise operations, norms, attention, reductions.
//
// Contract: names and meaning are those of kernels/table.h; all sizes and head dimensions >= 1 are allowed.
// Not here: weight formats (the linear files), elementary functions (ref/math.h).
#pragma once

#include <cstdint>

#include "kernels/table.h"

namespace hearth::kernels::ref {

bool quantise(const float* x, int64_t n, int8_t* q, float* scale, int32_t* half_sum, float* scale_sum);
void rms_norm(const float* x, const float* w, float eps, int64_t n, float* y);
void add(float* x, const float* y, int64_t n);
void multiply_scalar(float* x, float factor, int64_t n);
void silu_gate(const float* g, const float* u, int64_t n, float* y);
void gelu_gate(const float* g, const float* u, int64_t n, float* y);
void rope(float* x, int heads, int head_dim, int pairs, const float* cos_sin, bool neox);
void store_kv(const float* k, const float* v, int head_dim, int slot, KvType type, void* key_page, void* value_page);
void attention_chunk(const AttentionChunk& chunk);
void attention_fold(float* m, float* l, float* o, float mc, float lc, const float* oc, int head_dim);
void attention_finish(const float* o, float l, int head_dim, float* out);
float maximum(const float* x, int64_t n);
float exp_sum(const float* x, float m, float inverse_temperature, int64_t n, float* y);
void soft_cap(float* x, float cap, int64_t n);
bool finite(const float* x, int64_t n);

// Points every field that is not a weight format here.
static constexpr void fill_elementwise(KernelTable& table) {
  table.quantise = quantise;
  table.rms_norm = rms_norm;
  table.add = add;
  table.multiply_scalar = multiply_scalar;
  table.silu_gate = silu_gate;
  table.gelu_gate = gelu_gate;
  table.rope = rope;
  table.store_kv = store_kv;
  table.attention_chunk = attention_chunk;
  table.attention_fold = attention_fold;
  table.attention_finish = attention_finish;
  table.maximum = maximum;
  table.exp_sum = exp_sum;
  table.soft_cap = soft_cap;
  table.finite = finite;
}

}  // namespace hearth::kernels::ref
