// Converts rows of quantised weights into AVX2 panels, eight rows at a time.
//
// Rows that do not exist repeat the last one; their results are meaningless.
#include "kernels/x86/linear.h"
#include "kernels/x86/read_avx2.h"

namespace hearth::kernels::avx2 {
namespace {

// Stores what a reader hands over.
template <class S>
struct PanelSink {
  using Block = PanelBlock<S>;
  uint8_t* panel;  // of the group of rows

  uint8_t* at(int part) const { return panel + part * static_cast<int>(sizeof(Block)); }
  __attribute__((always_inline)) void half(int part, int h, const Quads& quads, __m256i sub) {
    unroll<4>([&](auto i) KERNEL_LAMBDA { store_256(at(part) + Block::quad(h * 4 + i, 0), quads.v[i]); });
    if constexpr (S::kSums == Sums::kHalves) store_256(at(part) + Block::sub_scale(h, 0), sub);
  }
  __attribute__((always_inline)) void finish(int part, __m256 scale, __m256 minimum, __m256 second) {
    store_floats(at(part) + Block::scale(0), scale);
    if constexpr (S::kMinimums >= 1) store_floats(at(part) + Block::minimum(0, 0), minimum);
    if constexpr (S::kMinimums == 2) store_floats(at(part) + Block::minimum(1, 0), second);
  }
};

template <class Reader>
KERNEL_INLINE void convert(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  using Block = PanelBlock<typename Reader::S>;
  const int64_t first = begin / Reader::kParts, units = count / Reader::kParts;
  for (int group = 0; group < kGroups; ++group) {
    const RowPointers rows = group_rows(weights, group);
    for (int64_t unit = 0; unit < units; ++unit) {
      PanelSink<typename Reader::S> sink{static_cast<Block*>(panel)[unit * Reader::kParts].bytes + group * 32};
      Reader::read(rows.row, (first + unit) * Reader::kBytes, sink);
    }
  }
}

}  // namespace

#define DEFINE_CONVERT(name, Reader)                                                         \
  void name(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {          \
    convert<Reader>(weights, begin, count, panel);                                           \
  }
DEFINE_CONVERT(convert_q4_0, ReadQ4_0)
DEFINE_CONVERT(convert_q4_1, ReadQ4_1)
DEFINE_CONVERT(convert_q5_0, ReadQ5_0)
DEFINE_CONVERT(convert_q5_1, ReadQ5_1)
DEFINE_CONVERT(convert_q8_0, ReadQ8_0)
DEFINE_CONVERT(convert_iq4_nl, ReadIQ4_NL)
DEFINE_CONVERT(convert_iq4_xs, ReadIQ4_XS)
DEFINE_CONVERT(convert_q2_k, ReadQ2_K)
DEFINE_CONVERT(convert_q3_k, ReadQ3_K)
DEFINE_CONVERT(convert_q4_k, ReadQ4_K)
DEFINE_CONVERT(convert_q5_k, ReadQ5_K)
DEFINE_CONVERT(convert_q6_k, ReadQ6_K)
#undef DEFINE_CONVERT

}  // namespace hearth::kernels::avx2
