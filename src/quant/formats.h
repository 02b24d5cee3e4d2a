// Decode and encode functions of each block format, for the table in traits.cpp.
//
// Contract: as in traits.h: counts are multiples of the format's block, blocks are aligned to 2 bytes (float formats to
// their value), decoding rounds at most once per value. Encoding gives every finite input a block whose decoded values
// are close; Inf and NaN give an unspecified but harmless block. Not here: anything that callers outside quant/ use.
#pragma once

#include <cstdint>

namespace hearth::quant {

void decode_f32(const void* blocks, int64_t values, float* out);
void decode_f16(const void* blocks, int64_t values, float* out);
void decode_bf16(const void* blocks, int64_t values, float* out);
void decode_q4_0(const void* blocks, int64_t values, float* out);
void decode_q4_1(const void* blocks, int64_t values, float* out);
void decode_q5_0(const void* blocks, int64_t values, float* out);
void decode_q5_1(const void* blocks, int64_t values, float* out);
void decode_q8_0(const void* blocks, int64_t values, float* out);
void decode_q2_k(const void* blocks, int64_t values, float* out);
void decode_q3_k(const void* blocks, int64_t values, float* out);
void decode_q4_k(const void* blocks, int64_t values, float* out);
void decode_q5_k(const void* blocks, int64_t values, float* out);
void decode_q6_k(const void* blocks, int64_t values, float* out);
void decode_iq4_nl(const void* blocks, int64_t values, float* out);
void decode_iq4_xs(const void* blocks, int64_t values, float* out);

void encode_f32(const float* values, int64_t count, void* blocks);
void encode_f16(const float* values, int64_t count, void* blocks);
void encode_bf16(const float* values, int64_t count, void* blocks);
void encode_q4_0(const float* values, int64_t count, void* blocks);
void encode_q4_1(const float* values, int64_t count, void* blocks);
void encode_q5_0(const float* values, int64_t count, void* blocks);
void encode_q5_1(const float* values, int64_t count, void* blocks);
void encode_q8_0(const float* values, int64_t count, void* blocks);
void encode_q4_k(const float* values, int64_t count, void* blocks);
void encode_q5_k(const float* values, int64_t count, void* blocks);
void encode_q6_k(const float* values, int64_t count, void* blocks);

}  // namespace hearth::quant
