// exp32 and tanh32 of ref/math.h on 16 lanes: the same operations in the same order.
//
// Contract: bit-equal to ref for every argument but NaN. V is the Vector of one instruction set, whose internal linkage the
// templates inherit. Not here: the double functions, which are scalar everywhere.
#pragma once

#include "kernels/ref/math.h"

namespace hearth::kernels {
namespace {

template <class V>
inline V exp_lanes(V x) {
  const V magic = V::set(ref::kRoundMagic);
  const V shifted = V::fma(x, V::set(ref::kLog2E), magic);
  const V n = V::sub(shifted, magic);
  V r = V::fma(n, V::set(ref::kNegLn2High), x);
  r = V::fma(n, V::set(ref::kNegLn2Low), r);
  V p = V::fma(V::set(ref::kExp6), r, V::set(ref::kExp5));
  p = V::fma(p, r, V::set(ref::kExp4));
  p = V::fma(p, r, V::set(ref::kExp3));
  p = V::fma(p, r, V::set(ref::kExp2));
  p = V::fma(p, r, V::set(1.0f));
  p = V::fma(p, r, V::set(1.0f));
  return V::exp_range(x, ref::kExpMin, ref::kExpMax, V::add_exponent(p, shifted));
}

template <class V>
inline V tanh_lanes(V x) {
  const V a = V::magnitude(x);
  const V s = V::mul(x, x);
  V p = V::fma(V::set(ref::kTanh5), s, V::set(ref::kTanh4));
  p = V::fma(p, s, V::set(ref::kTanh3));
  p = V::fma(p, s, V::set(ref::kTanh2));
  p = V::fma(p, s, V::set(ref::kTanh1));
  const V small = V::fma(V::mul(x, s), p, x);
  const V e = V::add(exp_lanes(V::add(a, a)), V::set(1.0f));
  const V large = V::with_sign_of(V::sub(V::set(1.0f), V::div(V::set(2.0f), e)), x);
  return V::where_less(a, V::set(ref::kTanhSmall), small, large);
}

}  // namespace
}  // namespace hearth::kernels
