// Reads every block format into the plain panel: what a block means, in integers and float factors.
//
// Contract: exact. A weight's value is scale * sub_scale * q (+ minimum), with q's offset removed; every factor that the
// format splits into float * small integer is multiplied here, which float32 holds exactly (11 + 8 bits).
// Rows that do not exist are zeros. File bytes have no alignment, so they are copied before use.
// Not here: arithmetic with activations (ref/panel_linear.cpp).
#include <cstring>

#include "kernels/ref/half.h"
#include "kernels/ref/linear.h"

namespace hearth::kernels::ref {
namespace {

using namespace quant;  // the block structs

float bits_to_float(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class Block>
Block load_block(const uint8_t* row, int64_t index) {
  Block block;
  std::memcpy(&block, row + index * static_cast<int64_t>(sizeof(Block)), sizeof block);
  return block;
}

// One row of one panel block.
struct Lane {
  QuantPanelBlock& block;
  int row;

  void scale(float value) { block.scale[row] = value; }
  void minimum(int half, float value) { block.minimum[half][row] = value; }
  void sub_scale(int half, int value) { block.sub_scale[half][row] = static_cast<int8_t>(value); }
  void q(int i, int value) { block.q[row][i] = static_cast<int8_t>(value); }
};

// Four bits of value i where 16 bytes hold 32 values, the low nibbles first.
int nibble(const uint8_t* qs, int i) { return i < 16 ? qs[i] & 15 : qs[i - 16] >> 4; }
int bit_of(const uint8_t* bits, int i) { return bits[i / 8] >> (i % 8) & 1; }

void put_q4_0(const uint8_t* row, int64_t at, Lane lane) {
  const auto block = load_block<BlockQ4_0>(row, at);
  lane.scale(half_to_float(block.d));
  for (int i = 0; i < kBlock; ++i) lane.q(i, nibble(block.qs, i) - 8);
}

void put_q4_1(const uint8_t* row, int64_t at, Lane lane) {
  const auto block = load_block<BlockQ4_1>(row, at);
  lane.scale(half_to_float(block.d));
  lane.minimum(0, half_to_float(block.m));
  for (int i = 0; i < kBlock; ++i) lane.q(i, nibble(block.qs, i));
}

void put_q5_0(const uint8_t* row, int64_t at, Lane lane) {
  const auto block = load_block<BlockQ5_0>(row, at);
  lane.scale(half_to_float(block.d));
  for (int i = 0; i < kBlock; ++i) lane.q(i, (nibble(block.qs, i) | bit_of(block.qh, i) << 4) - 16);
}

void put_q5_1(const uint8_t* row, int64_t at, Lane lane) {
  const auto block = load_block<BlockQ5_1>(row, at);
  lane.scale(half_to_float(block.d));
  lane.minimum(0, half_to_float(block.m));
  for (int i = 0; i < kBlock; ++i) lane.q(i, nibble(block.qs, i) | bit_of(block.qh, i) << 4);
}

void put_q8_0(const uint8_t* row, int64_t at, Lane lane) {
  const auto block = load_block<BlockQ8_0>(row, at);
  lane.scale(half_to_float(block.d));
  for (int i = 0; i < kBlock; ++i) lane.q(i, block.qs[i]);
}

void put_iq4_nl(const uint8_t* row, int64_t at, Lane lane) {
  const auto block = load_block<BlockIQ4_NL>(row, at);
  lane.scale(half_to_float(block.d));
  for (int i = 0; i < kBlock; ++i) lane.q(i, kIq4Values[nibble(block.qs, i)]);
}

void put_iq4_xs(const uint8_t* row, int64_t at, Lane lane) {
  const auto block = load_block<BlockIQ4_XS>(row, at / 8);
  const int part = static_cast<int>(at % 8);
  const int low = block.scales_l[part / 2] >> (part % 2 * 4) & 15, high = block.scales_h >> (2 * part) & 3;
  lane.scale(half_to_float(block.d) * static_cast<float>((low | high << 4) - 32));
  for (int i = 0; i < kBlock; ++i) lane.q(i, kIq4Values[nibble(block.qs + part * 16, i)]);
}

void put_q2_k(const uint8_t* row, int64_t at, Lane lane) {
  const auto block = load_block<BlockQ2_K>(row, at / 8);
  const int part = static_cast<int>(at % 8);
  lane.scale(half_to_float(block.d));
  for (int half = 0; half < 2; ++half) {
    const int packed = block.scales[part * 2 + half];
    lane.sub_scale(half, packed & 15);
    lane.minimum(half, -(half_to_float(block.dmin) * static_cast<float>(packed >> 4)));
  }
  for (int i = 0; i < kBlock; ++i) lane.q(i, block.qs[part / 4 * 32 + i] >> (part % 4 * 2) & 3);
}

// The 16 scales of 6 bits: four low bits in bytes 0..7, two high bits in bytes 8..11.
int q3_k_scale(const uint8_t* scales, int i) {
  const int low = scales[i % 8] >> (i / 8 * 4) & 15, high = scales[8 + i % 4] >> (i / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

void put_q3_k(const uint8_t* row, int64_t at, Lane lane) {
  const auto block = load_block<BlockQ3_K>(row, at / 8);
  const int part = static_cast<int>(at % 8);
  lane.scale(half_to_float(block.d));
  for (int half = 0; half < 2; ++half) lane.sub_scale(half, q3_k_scale(block.scales, part * 2 + half));
  for (int i = 0; i < kBlock; ++i) {
    const int low = block.qs[part / 4 * 32 + i] >> (part % 4 * 2) & 3, high = block.hmask[i] >> part & 1;
    lane.q(i, (low | high << 2) - 4);
  }
}

// Scale and minimum `i` of 8, six bits each in 12 bytes: the first four plain, the last four split 4 + 2.
void k4_scale_minimum(const uint8_t* scales, int i, int* scale, int* minimum) {
  if (i < 4) {
    *scale = scales[i] & 63;
    *minimum = scales[i + 4] & 63;
  } else {
    *scale = (scales[i + 4] & 15) | (scales[i - 4] >> 6) << 4;
    *minimum = (scales[i + 4] >> 4) | (scales[i] >> 6) << 4;
  }
}

void put_q4_k(const uint8_t* row, int64_t at, Lane lane) {
  const auto block = load_block<BlockQ4_K>(row, at / 8);
  const int part = static_cast<int>(at % 8);
  int scale, minimum;
  k4_scale_minimum(block.scales, part, &scale, &minimum);
  lane.scale(half_to_float(block.d) * static_cast<float>(scale));
  lane.minimum(0, -(half_to_float(block.dmin) * static_cast<float>(minimum)));
  for (int i = 0; i < kBlock; ++i) lane.q(i, block.qs[part / 2 * 32 + i] >> (part % 2 * 4) & 15);
}

void put_q5_k(const uint8_t* row, int64_t at, Lane lane) {
  const auto block = load_block<BlockQ5_K>(row, at / 8);
  const int part = static_cast<int>(at % 8);
  int scale, minimum;
  k4_scale_minimum(block.scales, part, &scale, &minimum);
  lane.scale(half_to_float(block.d) * static_cast<float>(scale));
  lane.minimum(0, -(half_to_float(block.dmin) * static_cast<float>(minimum)));
  for (int i = 0; i < kBlock; ++i) {
    const int low = block.qs[part / 2 * 32 + i] >> (part % 2 * 4) & 15, high = block.qh[i] >> part & 1;
    lane.q(i, low | high << 4);
  }
}

void put_q6_k(const uint8_t* row, int64_t at, Lane lane) {
  const auto block = load_block<BlockQ6_K>(row, at / 8);
  const int part = static_cast<int>(at % 8), quarter = part % 4, side = part / 4;  // 128 values a side
  lane.scale(half_to_float(block.d));
  for (int half = 0; half < 2; ++half) lane.sub_scale(half, block.scales[part * 2 + half]);
  for (int i = 0; i < kBlock; ++i) {
    const int low = block.ql[side * 64 + quarter % 2 * 32 + i] >> (quarter / 2 * 4) & 15;
    const int high = block.qh[side * 32 + i] >> (quarter * 2) & 3;
    lane.q(i, (low | high << 4) - 32);
  }
}

template <class Put>
void convert_blocks(const WeightRows& weights, int64_t begin, int64_t count, void* panel, Put put) {
  auto* blocks = static_cast<QuantPanelBlock*>(panel);
  for (int64_t b = 0; b < count; ++b) {
    blocks[b] = QuantPanelBlock{};
    for (int row = 0; row < weights.rows; ++row) {
      Lane lane{blocks[b], row};
      lane.sub_scale(0, 1);
      lane.sub_scale(1, 1);
      put(static_cast<const uint8_t*>(weights.data) + row * weights.row_bytes, begin + b, lane);
    }
  }
}

template <class Element, class ToFloat>
void convert_floats(const WeightRows& weights, int64_t begin, int64_t count, void* panel, ToFloat to_float) {
  auto* blocks = static_cast<FloatPanelBlock*>(panel);
  for (int64_t b = 0; b < count; ++b) {
    blocks[b] = FloatPanelBlock{};
    for (int row = 0; row < weights.rows; ++row) {
      const uint8_t* source = static_cast<const uint8_t*>(weights.data) + row * weights.row_bytes;
      for (int i = 0; i < kBlock; ++i) {
        Element element;
        std::memcpy(&element, source + ((begin + b) * kBlock + i) * static_cast<int64_t>(sizeof element), sizeof element);
        blocks[b].w[row][i] = to_float(element);
      }
    }
  }
}

}  // namespace

void convert_q4_0(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_blocks(weights, begin, count, panel, put_q4_0);
}
void convert_q4_1(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_blocks(weights, begin, count, panel, put_q4_1);
}
void convert_q5_0(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_blocks(weights, begin, count, panel, put_q5_0);
}
void convert_q5_1(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_blocks(weights, begin, count, panel, put_q5_1);
}
void convert_q8_0(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_blocks(weights, begin, count, panel, put_q8_0);
}
void convert_q2_k(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_blocks(weights, begin, count, panel, put_q2_k);
}
void convert_q3_k(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_blocks(weights, begin, count, panel, put_q3_k);
}
void convert_q4_k(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_blocks(weights, begin, count, panel, put_q4_k);
}
void convert_q5_k(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_blocks(weights, begin, count, panel, put_q5_k);
}
void convert_q6_k(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_blocks(weights, begin, count, panel, put_q6_k);
}
void convert_iq4_nl(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_blocks(weights, begin, count, panel, put_iq4_nl);
}
void convert_iq4_xs(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_blocks(weights, begin, count, panel, put_iq4_xs);
}
void convert_f32(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_floats<uint32_t>(weights, begin, count, panel, bits_to_float);
}
void convert_f16(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_floats<uint16_t>(weights, begin, count, panel, half_to_float);
}
void convert_bf16(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_floats<uint16_t>(weights, begin, count, panel, [](uint16_t bits) { return bits_to_float(uint32_t{bits} << 16); });
}

}  // namespace hearth::kernels::ref
