// What this machine can do at most: bytes read from memory, int8 and float32 multiply-adds, each by N threads at once.
//
// Contract: `ceilings THREADS` prints one line of JSON: read_gb_s, int8_gop_s, f32_gflop_s (a multiply-add is two
// operations) and the instruction of the int8 loop. Best of several short runs, since other work only ever slows one down.
// Compiled by bench.py for the machine it runs on. Not here: anything of the engine.
#include <immintrin.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

namespace {

constexpr int kRuns = 12;
constexpr int64_t kReadBytes = int64_t{1} << 30;  // far more than any last-level cache share
constexpr int64_t kSteps = 1'000'000;

volatile int64_t sink;  // keeps results alive

using Clock = std::chrono::steady_clock;

// Seconds of the fastest run of `work(thread)` on all threads together, from the first start to the last end.
double fastest(int threads, const std::function<void(int)>& work) {
  double best = 1e30;
  for (int run = 0; run < kRuns; ++run) {
    std::barrier start(threads);
    std::vector<Clock::time_point> begin(static_cast<size_t>(threads)), end(begin);
    std::vector<std::thread> team;
    for (int thread = 0; thread < threads; ++thread) {
      team.emplace_back([&, index = static_cast<size_t>(thread)] {
        start.arrive_and_wait();
        begin[index] = Clock::now();
        work(static_cast<int>(index));
        end[index] = Clock::now();
      });
    }
    for (auto& thread : team) thread.join();
    const auto from = *std::min_element(begin.begin(), begin.end()), to = *std::max_element(end.begin(), end.end());
    best = std::min(best, std::chrono::duration<double>(to - from).count());
  }
  return best;
}

double read_gb_s(int threads) {
  std::vector<uint64_t> data(static_cast<size_t>(kReadBytes) / 8, 1);
  const int64_t share = static_cast<int64_t>(data.size()) / threads / 32 * 32;
  const double seconds = fastest(threads, [&](int thread) {
    const auto* at = reinterpret_cast<const __m256i*>(data.data() + thread * share);
    __m256i sum[8] = {};
    for (int64_t i = 0; i < share / 4; i += 8) {
      for (int lane = 0; lane < 8; ++lane) sum[lane] = _mm256_xor_si256(sum[lane], _mm256_loadu_si256(at + i + lane));
    }
    for (int lane = 1; lane < 8; ++lane) sum[0] = _mm256_xor_si256(sum[0], sum[lane]);
    sink = _mm256_extract_epi64(sum[0], 0);
  });
  return static_cast<double>(share) * threads * 8 / seconds / 1e9;
}

#if defined(__AVX512BW__)
using Integers = __m512i;
using Floats = __m512;
#else
using Integers = __m256i;
using Floats = __m256;
#endif
constexpr int kLanes = sizeof(Floats) / 4;

#if defined(__AVX512VNNI__)
constexpr const char* kInt8Loop = "vpdpbusd zmm";
inline Integers multiply_add(Integers sum, Integers a, Integers b) { return _mm512_dpbusd_epi32(sum, a, b); }
#elif defined(__AVXVNNI__)
constexpr const char* kInt8Loop = "vpdpbusd ymm";
inline Integers multiply_add(Integers sum, Integers a, Integers b) { return _mm256_dpbusd_avx_epi32(sum, a, b); }
#elif defined(__AVX512BW__)
constexpr const char* kInt8Loop = "vpmaddubsw, vpmaddwd, vpaddd zmm";
inline Integers multiply_add(Integers sum, Integers a, Integers b) {
  const __m512i pairs = _mm512_maddubs_epi16(a, b);
  return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}
#else
constexpr const char* kInt8Loop = "vpmaddubsw, vpmaddwd, vpaddd ymm";
inline Integers multiply_add(Integers sum, Integers a, Integers b) {
  const __m256i pairs = _mm256_maddubs_epi16(a, b);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
#endif

#if defined(__AVX512BW__)
inline Floats multiply_add(Floats sum, Floats a, Floats b) { return _mm512_fmadd_ps(a, b, sum); }
inline Integers bytes(int value) { return _mm512_set1_epi8(static_cast<char>(value)); }
inline Floats floats(float value) { return _mm512_set1_ps(value); }
#else
inline Floats multiply_add(Floats sum, Floats a, Floats b) { return _mm256_fmadd_ps(a, b, sum); }
inline Integers bytes(int value) { return _mm256_set1_epi8(static_cast<char>(value)); }
inline Floats floats(float value) { return _mm256_set1_ps(value); }
#endif

// Ten chains hide the latency of any multiply-add; the empty assembly keeps the compiler from computing one chain for all
// and from dropping the results.
template <typename Vector>
void multiply_adds(Vector a, Vector b) {
  Vector sum[10] = {};
  for (int64_t step = 0; step < kSteps; ++step) {
#pragma GCC unroll 10
    for (int chain = 0; chain < 10; ++chain) {
      __asm__ volatile("" : "+x"(a));
      sum[chain] = multiply_add(sum[chain], a, b);
    }
  }
#pragma GCC unroll 10
  for (int chain = 0; chain < 10; ++chain) __asm__ volatile("" : : "x"(sum[chain]));
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc == 2 ? std::atoi(argv[1]) : 0;
  if (threads < 1 || threads > 1024) {
    std::fprintf(stderr, "usage: ceilings THREADS\n");
    return 2;
  }
  const double steps = static_cast<double>(kSteps) * 10 * threads * 2 * kLanes;
  const double int8_seconds = fastest(threads, [](int) { multiply_adds(bytes(3), bytes(5)); });
  const double f32_seconds = fastest(threads, [](int) { multiply_adds(floats(0.5F), floats(0.25F)); });
  std::printf("{\"threads\": %d, \"read_gb_s\": %.1f, \"int8_gop_s\": %.0f, \"f32_gflop_s\": %.0f, \"int8_loop\": \"%s\"}\n", threads,
              read_gb_s(threads), steps * 4 / int8_seconds / 1e9, steps / f32_seconds / 1e9, kInt8Loop);
  return 0;
}
