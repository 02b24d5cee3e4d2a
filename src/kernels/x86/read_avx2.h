// Reads eight rows of every quantised block format into registers whose 32-bit lanes are rows. Included by *_avx2.cpp only.
//
// A reader walks one unit (a block of the format) and hands to a sink, for each part of 32 columns:
//   half(part, h, quads, sub)      the 16 columns of half h as four registers of four columns; sub: (s, s) int16 pairs
//   finish(part, scale, min0, min1)  the float factors; the part is complete
// Converting stores what it is handed; decoding multiplies at once. So a format's bits are taken apart in one place.
// No load reaches beyond the block: headers near its end are loaded with the bytes before them.
#pragma once

#include "kernels/x86/panel_avx2.h"

namespace hearth::kernels::avx2 {
namespace {

struct Quads {
  __m256i v[4];
};
using Rows = const uint8_t* const*;  // eight pointers

// 16 bytes of each of eight rows, transposed: v[i] holds bytes 4i..4i+3 of rows 0..7.
KERNEL_INLINE Quads load_quads(Rows rows, int64_t at) {
  __m256i a[4];
  unroll<4>([&](auto i) KERNEL_LAMBDA {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[i] + at));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[i + 4] + at));
    a[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  });
  const __m256i b0 = _mm256_unpacklo_epi32(a[0], a[1]), b1 = _mm256_unpackhi_epi32(a[0], a[1]);
  const __m256i b2 = _mm256_unpacklo_epi32(a[2], a[3]), b3 = _mm256_unpackhi_epi32(a[2], a[3]);
  return {{_mm256_unpacklo_epi64(b0, b2), _mm256_unpackhi_epi64(b0, b2), _mm256_unpacklo_epi64(b1, b3),
           _mm256_unpackhi_epi64(b1, b3)}};
}

KERNEL_INLINE __m256i mask_bytes(__m256i v, int mask) { return _mm256_and_si256(v, _mm256_set1_epi8(static_cast<char>(mask))); }
KERNEL_INLINE __m256i field(__m256i v, int shift, int mask) {
  return _mm256_and_si256(_mm256_srli_epi32(v, shift), _mm256_set1_epi32(mask));
}

// The float16 in the low (or high) half of each lane.
KERNEL_INLINE __m256 low_half(__m256i v) {
  const __m256i word = _mm256_and_si256(v, _mm256_set1_epi32(0xffff));
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(word, word), 0x08);
  return _mm256_cvtph_ps(_mm256_castsi256_si128(packed));
}
KERNEL_INLINE __m256 high_half(__m256i v) { return low_half(_mm256_srli_epi32(v, 16)); }
KERNEL_INLINE __m256 negate(__m256 v) { return _mm256_xor_ps(v, _mm256_set1_ps(-0.0f)); }
KERNEL_INLINE __m256 times(__m256 v, __m256i integer) { return _mm256_mul_ps(v, _mm256_cvtepi32_ps(integer)); }
// A small signed integer per lane as an int16 pair.
KERNEL_INLINE __m256i pair_of(__m256i v) { return _mm256_blend_epi16(v, _mm256_slli_epi32(v, 16), 0xaa); }

KERNEL_INLINE Quads low_nibbles(const Quads& x) {
  return {{mask_bytes(x.v[0], 15), mask_bytes(x.v[1], 15), mask_bytes(x.v[2], 15), mask_bytes(x.v[3], 15)}};
}
template <int shift, int mask>
KERNEL_INLINE Quads shifted_bits(const Quads& x) {
  Quads out;
  unroll<4>([&](auto i) KERNEL_LAMBDA {
    const __m256i moved = shift >= 0 ? _mm256_srli_epi32(x.v[i], shift) : _mm256_slli_epi32(x.v[i], -shift);
    out.v[i] = mask_bytes(moved, mask);
  });
  return out;
}
KERNEL_INLINE Quads merge(const Quads& x, const Quads& y) {
  Quads out;
  unroll<4>([&](auto i) KERNEL_LAMBDA { out.v[i] = _mm256_or_si256(x.v[i], y.v[i]); });
  return out;
}
KERNEL_INLINE Quads look_up(const Quads& x) {
  const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(quant::kIq4Values));
  const __m256i table = _mm256_broadcastsi128_si256(values);
  Quads out;
  unroll<4>([&](auto i) KERNEL_LAMBDA { out.v[i] = _mm256_shuffle_epi8(table, x.v[i]); });
  return out;
}

// Bits 16h..16h+15 of each lane as 16 where set, in quad order.
template <int h>
KERNEL_INLINE Quads spread_bits(__m256i word) {
  Quads out;
  unroll<4>([&](auto i) KERNEL_LAMBDA {
    const int source = 2 * h + i / 2;
    const __m256i index = _mm256_add_epi8(_mm256_set_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0, 0x0c0c0c0c, 0x08080808,
                                                           0x04040404, 0),
                                          _mm256_set1_epi8(static_cast<char>(source)));
    const __m256i bit = _mm256_set1_epi32(i % 2 == 0 ? 0x08040201 : static_cast<int>(0x80402010u));
    const __m256i bytes = _mm256_and_si256(_mm256_shuffle_epi8(word, index), bit);
    out.v[i] = mask_bytes(_mm256_cmpeq_epi8(bytes, bit), 16);
  });
  return out;
}

struct ReadQ4_0 {
  using S = ShapeQ4Offset;
  static constexpr int kParts = 1, kBytes = 18;
  template <class Sink>
  KERNEL_INLINE void read(Rows rows, int64_t at, Sink& sink) {
    const __m256i none = _mm256_setzero_si256();
    const Quads header = load_quads(rows, at), x = load_quads(rows, at + 2);
    sink.half(0, 0, low_nibbles(x), none);
    sink.half(0, 1, shifted_bits<4, 15>(x), none);
    sink.finish(0, low_half(header.v[0]), __m256(), __m256());
  }
};

struct ReadQ4_1 {
  using S = ShapeQ4Minimum;
  static constexpr int kParts = 1, kBytes = 20;
  template <class Sink>
  KERNEL_INLINE void read(Rows rows, int64_t at, Sink& sink) {
    const __m256i none = _mm256_setzero_si256();
    const Quads header = load_quads(rows, at), x = load_quads(rows, at + 4);
    sink.half(0, 0, low_nibbles(x), none);
    sink.half(0, 1, shifted_bits<4, 15>(x), none);
    sink.finish(0, low_half(header.v[0]), high_half(header.v[0]), __m256());
  }
};

struct ReadQ5_0 {
  using S = ShapeQ5Offset;
  static constexpr int kParts = 1, kBytes = 22;
  template <class Sink>
  KERNEL_INLINE void read(Rows rows, int64_t at, Sink& sink) {
    const __m256i none = _mm256_setzero_si256();
    const Quads header = load_quads(rows, at), x = load_quads(rows, at + 6);
    const __m256i high = _mm256_blend_epi16(_mm256_srli_epi32(header.v[0], 16), _mm256_slli_epi32(header.v[1], 16), 0xaa);
    sink.half(0, 0, merge(low_nibbles(x), spread_bits<0>(high)), none);
    sink.half(0, 1, merge(shifted_bits<4, 15>(x), spread_bits<1>(high)), none);
    sink.finish(0, low_half(header.v[0]), __m256(), __m256());
  }
};

struct ReadQ5_1 {
  using S = ShapeQ5Minimum;
  static constexpr int kParts = 1, kBytes = 24;
  template <class Sink>
  KERNEL_INLINE void read(Rows rows, int64_t at, Sink& sink) {
    const __m256i none = _mm256_setzero_si256();
    const Quads header = load_quads(rows, at), x = load_quads(rows, at + 8);
    sink.half(0, 0, merge(low_nibbles(x), spread_bits<0>(header.v[1])), none);
    sink.half(0, 1, merge(shifted_bits<4, 15>(x), spread_bits<1>(header.v[1])), none);
    sink.finish(0, low_half(header.v[0]), high_half(header.v[0]), __m256());
  }
};

struct ReadQ8_0 {
  using S = ShapeSigned;
  static constexpr int kParts = 1, kBytes = 34;
  template <class Sink>
  KERNEL_INLINE void read(Rows rows, int64_t at, Sink& sink) {
    const __m256i none = _mm256_setzero_si256();
    sink.half(0, 0, load_quads(rows, at + 2), none);
    sink.half(0, 1, load_quads(rows, at + 18), none);
    sink.finish(0, low_half(load_quads(rows, at).v[0]), __m256(), __m256());
  }
};

struct ReadIQ4_NL {
  using S = ShapeSigned;
  static constexpr int kParts = 1, kBytes = 18;
  template <class Sink>
  KERNEL_INLINE void read(Rows rows, int64_t at, Sink& sink) {
    const __m256i none = _mm256_setzero_si256();
    const Quads header = load_quads(rows, at), x = load_quads(rows, at + 2);
    sink.half(0, 0, look_up(low_nibbles(x)), none);
    sink.half(0, 1, look_up(shifted_bits<4, 15>(x)), none);
    sink.finish(0, low_half(header.v[0]), __m256(), __m256());
  }
};

struct ReadIQ4_XS {
  using S = ShapeSigned;
  static constexpr int kParts = 8, kBytes = 136;
  template <class Sink>
  KERNEL_INLINE void read(Rows rows, int64_t at, Sink& sink) {
    const __m256i none = _mm256_setzero_si256();
    const Quads header = load_quads(rows, at);
    const __m256 d = low_half(header.v[0]);
    unroll<8>([&](auto part) KERNEL_LAMBDA {
      const Quads x = load_quads(rows, at + 8 + part * 16);
      sink.half(part, 0, look_up(low_nibbles(x)), none);
      sink.half(part, 1, look_up(shifted_bits<4, 15>(x)), none);
      const __m256i low = field(header.v[1], 4 * part, 15), high = field(header.v[0], 16 + 2 * part, 3);
      const __m256i scale = _mm256_sub_epi32(_mm256_or_si256(low, _mm256_slli_epi32(high, 4)), _mm256_set1_epi32(32));
      sink.finish(part, times(d, scale), __m256(), __m256());
    });
  }
};

// Scale and minimum `part` of 8 in the packed 6-bit form of Q4_K and Q5_K; w: three lanes of scale bytes.
KERNEL_INLINE void k4_scale_minimum(const __m256i* w, int part, __m256i* scale, __m256i* minimum) {
  const int shift = part % 4 * 8;
  if (part < 4) {
    *scale = field(w[0], shift, 63);
    *minimum = field(w[1], shift, 63);
  } else {
    *scale = _mm256_or_si256(field(w[2], shift, 15), _mm256_slli_epi32(field(w[0], shift + 6, 3), 4));
    *minimum = _mm256_or_si256(field(w[2], shift + 4, 15), _mm256_slli_epi32(field(w[1], shift + 6, 3), 4));
  }
}

template <class Sink>
KERNEL_INLINE void finish_k4(const Quads& header, __m256 d, __m256 negative_dmin, int part, Sink& sink) {
  __m256i scale, minimum;
  k4_scale_minimum(header.v + 1, part, &scale, &minimum);
  sink.finish(part, times(d, scale), times(negative_dmin, minimum), __m256());
}

struct ReadQ4_K {
  using S = ShapeQ4Minimum;
  static constexpr int kParts = 8, kBytes = 144;
  template <class Sink>
  KERNEL_INLINE void read(Rows rows, int64_t at, Sink& sink) {
    const __m256i none = _mm256_setzero_si256();
    const Quads header = load_quads(rows, at);
    const __m256 d = low_half(header.v[0]), negative_dmin = negate(high_half(header.v[0]));
    unroll<4>([&](auto pair) KERNEL_LAMBDA {
      unroll<2>([&](auto h) KERNEL_LAMBDA {
        const Quads x = load_quads(rows, at + 16 + pair * 32 + h * 16);
        sink.half(2 * pair, h, low_nibbles(x), none);
        sink.half(2 * pair + 1, h, shifted_bits<4, 15>(x), none);
      });
      finish_k4(header, d, negative_dmin, 2 * pair, sink);
      finish_k4(header, d, negative_dmin, 2 * pair + 1, sink);
    });
  }
};

struct ReadQ5_K {
  using S = ShapeQ5Minimum;
  static constexpr int kParts = 8, kBytes = 176;
  template <int pair, class Sink>
  KERNEL_INLINE void read_pair(Rows rows, int64_t at, const Quads (&high)[2], Sink& sink) {
    const __m256i none = _mm256_setzero_si256();
    unroll<2>([&](auto h) KERNEL_LAMBDA {
      const Quads x = load_quads(rows, at + 48 + pair * 32 + h * 16);
      sink.half(2 * pair, h, merge(low_nibbles(x), shifted_bits<2 * pair - 4, 16>(high[h])), none);
      sink.half(2 * pair + 1, h, merge(shifted_bits<4, 15>(x), shifted_bits<2 * pair - 3, 16>(high[h])), none);
    });
  }
  template <class Sink>
  KERNEL_INLINE void read(Rows rows, int64_t at, Sink& sink) {
    const Quads header = load_quads(rows, at);
    const Quads high[2] = {load_quads(rows, at + 16), load_quads(rows, at + 32)};
    const __m256 d = low_half(header.v[0]), negative_dmin = negate(high_half(header.v[0]));
    read_pair<0>(rows, at, high, sink);
    finish_k4(header, d, negative_dmin, 0, sink);
    finish_k4(header, d, negative_dmin, 1, sink);
    read_pair<1>(rows, at, high, sink);
    finish_k4(header, d, negative_dmin, 2, sink);
    finish_k4(header, d, negative_dmin, 3, sink);
    read_pair<2>(rows, at, high, sink);
    finish_k4(header, d, negative_dmin, 4, sink);
    finish_k4(header, d, negative_dmin, 5, sink);
    read_pair<3>(rows, at, high, sink);
    finish_k4(header, d, negative_dmin, 6, sink);
    finish_k4(header, d, negative_dmin, 7, sink);
  }
};

struct ReadQ6_K {
  using S = ShapeQ6K;
  static constexpr int kParts = 8, kBytes = 210;
  template <class Sink>
  KERNEL_INLINE void read(Rows rows, int64_t at, Sink& sink) {
    const Quads scales = load_quads(rows, at + 192);
    const __m256 d = high_half(load_quads(rows, at + 194).v[3]);
    unroll<2>([&](auto side) KERNEL_LAMBDA {
      const int part = side * 4;
      unroll<2>([&](auto h) KERNEL_LAMBDA {
        __m256i sub[4];
        unroll<4>([&](auto i) KERNEL_LAMBDA {
          const __m256i top = _mm256_slli_epi32(scales.v[(part + i) / 2], 24 - 8 * (i % 2 * 2 + h));
          sub[i] = pair_of(_mm256_srai_epi32(top, 24));
        });
        const Quads a = load_quads(rows, at + side * 64 + h * 16), b = load_quads(rows, at + side * 64 + 32 + h * 16);
        const Quads high = load_quads(rows, at + 128 + side * 32 + h * 16);
        sink.half(part, h, merge(low_nibbles(a), shifted_bits<-4, 48>(high)), sub[0]);
        sink.half(part + 1, h, merge(low_nibbles(b), shifted_bits<-2, 48>(high)), sub[1]);
        sink.half(part + 2, h, merge(shifted_bits<4, 15>(a), shifted_bits<0, 48>(high)), sub[2]);
        sink.half(part + 3, h, merge(shifted_bits<4, 15>(b), shifted_bits<2, 48>(high)), sub[3]);
      });
      unroll<4>([&](auto i) KERNEL_LAMBDA { sink.finish(part + i, d, __m256(), __m256()); });
    });
  }
};

struct ReadQ3_K {
  using S = ShapeQ3K;
  static constexpr int kParts = 8, kBytes = 110;
  // The scale of 16 columns, i of 16, from the three words of packed scales.
  KERNEL_INLINE __m256i scale_pair(const __m256i* w, int i) {
    const int byte = i % 4 * 8;
    const __m256i low = field(w[i / 4 % 2], byte + i / 8 * 4, 15), high = field(w[2], byte + i / 4 * 2, 3);
    return pair_of(_mm256_sub_epi32(_mm256_or_si256(low, _mm256_slli_epi32(high, 4)), _mm256_set1_epi32(32)));
  }
  template <int side, class Sink>
  KERNEL_INLINE void read_side(Rows rows, int64_t at, const Quads& scales, Sink& sink) {
    unroll<2>([&](auto h) KERNEL_LAMBDA {
      const Quads x = load_quads(rows, at + 32 + side * 32 + h * 16), high = load_quads(rows, at + h * 16);
      constexpr int part = side * 4;
      const __m256i* w = scales.v + 1;
      sink.half(part, h, merge(shifted_bits<0, 3>(x), shifted_bits<part - 2, 4>(high)), scale_pair(w, 2 * part + h));
      sink.half(part + 1, h, merge(shifted_bits<2, 3>(x), shifted_bits<part - 1, 4>(high)), scale_pair(w, 2 * part + 2 + h));
      sink.half(part + 2, h, merge(shifted_bits<4, 3>(x), shifted_bits<part, 4>(high)), scale_pair(w, 2 * part + 4 + h));
      sink.half(part + 3, h, merge(shifted_bits<6, 3>(x), shifted_bits<part + 1, 4>(high)), scale_pair(w, 2 * part + 6 + h));
    });
  }
  template <class Sink>
  KERNEL_INLINE void read(Rows rows, int64_t at, Sink& sink) {
    const Quads scales = load_quads(rows, at + 92);
    const __m256 d = high_half(load_quads(rows, at + 94).v[3]);
    read_side<0>(rows, at, scales, sink);
    unroll<4>([&](auto part) KERNEL_LAMBDA { sink.finish(part, d, __m256(), __m256()); });
    read_side<1>(rows, at, scales, sink);
    unroll<8, 4>([&](auto part) KERNEL_LAMBDA { sink.finish(part, d, __m256(), __m256()); });
  }
};

struct ReadQ2_K {
  using S = ShapeQ2K;
  static constexpr int kParts = 8, kBytes = 84;
  template <class Sink>
  KERNEL_INLINE void finish(const Quads& scales, __m256 d, __m256 negative_dmin, int part, Sink& sink) {
    const __m256i word = scales.v[part / 2];
    const int shift = part % 2 * 16 + 4;
    sink.finish(part, d, times(negative_dmin, field(word, shift, 15)), times(negative_dmin, field(word, shift + 8, 15)));
  }
  template <class Sink>
  KERNEL_INLINE void read(Rows rows, int64_t at, Sink& sink) {
    const Quads scales = load_quads(rows, at);
    const __m256i last = load_quads(rows, at + 68).v[3];
    const __m256 d = low_half(last), negative_dmin = negate(high_half(last));
    unroll<2>([&](auto side) KERNEL_LAMBDA {
      const int part = side * 4;
      unroll<2>([&](auto h) KERNEL_LAMBDA {
        const Quads x = load_quads(rows, at + 16 + side * 32 + h * 16);
        const __m256i even = scales.v[part / 2], odd = scales.v[part / 2 + 1];
        sink.half(part, h, shifted_bits<0, 3>(x), pair_of(field(even, h * 8, 15)));
        sink.half(part + 1, h, shifted_bits<2, 3>(x), pair_of(field(even, 16 + h * 8, 15)));
        sink.half(part + 2, h, shifted_bits<4, 3>(x), pair_of(field(odd, h * 8, 15)));
        sink.half(part + 3, h, shifted_bits<6, 3>(x), pair_of(field(odd, 16 + h * 8, 15)));
      });
      unroll<4>([&](auto i) KERNEL_LAMBDA { finish(scales, d, negative_dmin, part + i, sink); });
    });
  }
};

// Eight row pointers of a group; rows past the last repeat it, so that they can be read.
struct RowPointers {
  const uint8_t* row[kGroupRows];
};
KERNEL_INLINE RowPointers group_rows(const WeightRows& weights, int group) {
  RowPointers out;
  for (int i = 0; i < kGroupRows; ++i) {
    const int row = group * kGroupRows + i, last = weights.rows - 1;
    out.row[i] = static_cast<const uint8_t*>(weights.data) + (row < last ? row : last) * weights.row_bytes;
  }
  return out;
}

}  // namespace
}  // namespace hearth::kernels::avx2
