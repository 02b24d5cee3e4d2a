// A few tokens against rows as they lie in the file, by the 256-bit vpdpbusd of AVX-512 VNNI.
#include "kernels/x86/decode_vnni.h"

namespace hearth::kernels::avx512 {
namespace {

struct Machine {
  KERNEL_INLINE __m256i dot(__m256i sum, __m256i w, __m256i a) { return _mm256_dpbusd_epi32(sum, w, a); }
};
template <class S>
using Dots = vnni::DecodeDots<S, Machine>;

}  // namespace

DEFINE_ALL_DECODES(Dots)

}  // namespace hearth::kernels::avx512
