// The AVX2 instances of the shared elementwise and attention algorithms.
#include "kernels/x86/elementwise_avx2.h"

#include "kernels/x86/attention_body.h"
#include "kernels/x86/elementwise_body.h"
#include "kernels/x86/vector_avx2.h"

namespace hearth::kernels::avx2 {

bool quantise(const float* x, int64_t n, int8_t* q, float* scale, int32_t* half_sum, float* scale_sum) {
  return quantise_blocks<Vector>(x, n, q, scale, half_sum, scale_sum);
}

void rms_norm(const float* x, const float* w, float eps, int64_t n, float* y) { rms_norm_lanes<Vector>(x, w, eps, n, y); }

void add(float* x, const float* y, int64_t n) {
  map_two<Vector>(x, y, n, x, [](Vector a, Vector b) { return Vector::add(a, b); });
}

void multiply_scalar(float* x, float factor, int64_t n) {
  const Vector factors = Vector::set(factor);
  map_one<Vector>(x, n, x, [&](Vector a) { return Vector::mul(a, factors); });
}

void silu_gate(const float* g, const float* u, int64_t n, float* y) { silu_gate_lanes<Vector>(g, u, n, y); }

void gelu_gate(const float* g, const float* u, int64_t n, float* y) { gelu_gate_lanes<Vector>(g, u, n, y); }

void rope(float* x, int heads, int head_dim, int pairs, const float* cos_sin, bool neox) {
  rope_lanes<Vector>(x, heads, head_dim, pairs, cos_sin, neox);
}

void store_kv(const float* k, const float* v, int head_dim, int slot, KvType type, void* key_page, void* value_page) {
  store_kv_lanes<Vector>(k, v, head_dim, slot, type, key_page, value_page);
}

void attention_chunk(const AttentionChunk& chunk) { attention_chunk_lanes<Vector>(chunk); }

void attention_fold(float* m, float* l, float* o, float mc, float lc, const float* oc, int head_dim) {
  attention_fold_lanes<Vector>(m, l, o, mc, lc, oc, head_dim);
}

void attention_finish(const float* o, float l, int head_dim, float* out) {
  const Vector divisor = Vector::set(l);
  map_one<Vector>(o, head_dim, out, [&](Vector x) { return Vector::div(x, divisor); });
}

float maximum(const float* x, int64_t n) { return maximum_lanes<Vector>(x, n); }

float exp_sum(const float* x, float m, float inverse_temperature, int64_t n, float* y) {
  return exp_sum_lanes<Vector>(x, m, inverse_temperature, n, y);
}

void soft_cap(float* x, float cap, int64_t n) {
  const Vector caps = Vector::set(cap);
  map_one<Vector>(x, n, x, [&](Vector a) { return Vector::mul(caps, tanh_lanes(Vector::div(a, caps))); });
}

bool finite(const float* x, int64_t n) { return finite_lanes<Vector>(x, n); }

}  // namespace hearth::kernels::avx2
