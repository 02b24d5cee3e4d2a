// Micro-benchmark of the linear kernels: what each block format reaches against this machine's own limits.
//
// Prints, per table and format: conversion (weights per ns), multiplication by token count (GOP/s and share of the integer
// peak loop), one-token routes over a buffer larger than the caches (GB/s of file bytes against a plain read loop), and what
// small batches cost over the same buffer, as multiples of one token.
// usage: kernel_bench [table [format [decode_megabytes]]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "kernels/select.h"
#include "kernels/table.h"
#include "quant/traits.h"

namespace {

using namespace hearth;
using namespace hearth::kernels;

constexpr uint32_t kFormatNumbers[] = {2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23, 0, 1, 30};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Seconds of the fastest of many short runs, so that a busy machine's other work is not measured.
template <class Work>
double best_seconds(Work work) {
  constexpr double kWindow = 5e-4;
  constexpr int kRuns = 200;
  int64_t repeats = 1;
  double best = 1e9;
  for (int run = 0; run < kRuns;) {
    const double start = now();
    for (int64_t i = 0; i < repeats; ++i) work();
    const double seconds = now() - start;
    best = std::min(best, seconds / static_cast<double>(repeats));
    if (static_cast<double>(repeats) * best < kWindow && run == 0) {
      repeats *= 2;
    } else {
      ++run;
    }
  }
  return best;
}

struct Free {
  void operator()(void* p) const { std::free(p); }
};
template <class T>
std::unique_ptr<T[], Free> aligned(size_t count) {
  return std::unique_ptr<T[], Free>(static_cast<T*>(std::aligned_alloc(64, (count * sizeof(T) + 63) / 64 * 64)));
}

#if defined(__x86_64__)
// vpmaddubsw and vpaddw in registers: the integer limit of AVX2 (32 multiply-adds a pair).
double maddubs_gops() {
  constexpr int64_t kSteps = 20000;
  const double seconds = best_seconds([] {
    for (int64_t i = 0; i < kSteps; ++i) {
      __asm__ volatile(
          "vpmaddubsw %%ymm0, %%ymm0, %%ymm8\n vpmaddubsw %%ymm0, %%ymm0, %%ymm9\n"
          "vpmaddubsw %%ymm0, %%ymm0, %%ymm10\n vpmaddubsw %%ymm0, %%ymm0, %%ymm11\n"
          "vpaddw %%ymm8, %%ymm1, %%ymm1\n vpaddw %%ymm9, %%ymm2, %%ymm2\n"
          "vpaddw %%ymm10, %%ymm3, %%ymm3\n vpaddw %%ymm11, %%ymm4, %%ymm4\n"
          :
          :
          : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm8", "xmm9", "xmm10", "xmm11");
    }
  });
  return 4 * kSteps * 64 / seconds / 1e9;
}

// vpmaddubsw, vpmaddwd and vpaddd in registers: the limit for int8 weights, whose products must be widened at once.
double widened_gops() {
  constexpr int64_t kSteps = 20000;
  const double seconds = best_seconds([] {
    for (int64_t i = 0; i < kSteps; ++i) {
      __asm__ volatile(
          "vpmaddubsw %%ymm0, %%ymm0, %%ymm8\n vpmaddubsw %%ymm0, %%ymm0, %%ymm9\n"
          "vpmaddubsw %%ymm0, %%ymm0, %%ymm10\n vpmaddubsw %%ymm0, %%ymm0, %%ymm11\n"
          "vpmaddwd %%ymm0, %%ymm8, %%ymm8\n vpmaddwd %%ymm0, %%ymm9, %%ymm9\n"
          "vpmaddwd %%ymm0, %%ymm10, %%ymm10\n vpmaddwd %%ymm0, %%ymm11, %%ymm11\n"
          "vpaddd %%ymm8, %%ymm1, %%ymm1\n vpaddd %%ymm9, %%ymm2, %%ymm2\n"
          "vpaddd %%ymm10, %%ymm3, %%ymm3\n vpaddd %%ymm11, %%ymm4, %%ymm4\n"
          :
          :
          : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm8", "xmm9", "xmm10", "xmm11");
    }
  });
  return 4 * kSteps * 64 / seconds / 1e9;
}

// vpdpbusd chains in registers: the integer limit of AVX-512 VNNI (64 multiply-adds each).
double dpbusd_gops() {
  constexpr int64_t kSteps = 20000;
  const double seconds = best_seconds([] {
    for (int64_t i = 0; i < kSteps; ++i) {
      __asm__ volatile(
          "vpdpbusd %%zmm0, %%zmm0, %%zmm1\n vpdpbusd %%zmm0, %%zmm0, %%zmm2\n vpdpbusd %%zmm0, %%zmm0, %%zmm3\n"
          "vpdpbusd %%zmm0, %%zmm0, %%zmm4\n vpdpbusd %%zmm0, %%zmm0, %%zmm5\n vpdpbusd %%zmm0, %%zmm0, %%zmm6\n"
          "vpdpbusd %%zmm0, %%zmm0, %%zmm7\n vpdpbusd %%zmm0, %%zmm0, %%zmm8\n vpdpbusd %%zmm0, %%zmm0, %%zmm9\n"
          "vpdpbusd %%zmm0, %%zmm0, %%zmm10\n vpdpbusd %%zmm0, %%zmm0, %%zmm11\n vpdpbusd %%zmm0, %%zmm0, %%zmm12\n"
          :
          :
          : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12");
    }
  });
  return 12 * kSteps * 128 / seconds / 1e9;
}
#endif

double peak_gops(const KernelTable& table) {
#if defined(__x86_64__)
  if (std::strcmp(table.name, "avx2") == 0) return maddubs_gops();
  if (std::strcmp(table.name, "avx512") == 0) return dpbusd_gops();
#endif
  (void)table;
  return 0;
}

struct Activations {
  int64_t k;
  std::vector<int8_t> q;
  std::vector<float> scale, scale_sum, x;
  std::vector<int32_t> half_sum;

  Activations(int64_t k, int64_t tokens)
      : k(k), q(tokens * k), scale(tokens * k / 32), scale_sum(scale.size()), x(q.size()), half_sum(q.size() / 16) {
    std::mt19937 rng(1);
    for (auto& v : q) v = static_cast<int8_t>(static_cast<int>(rng() % 255) - 127);
    for (auto& v : x) v = static_cast<float>(rng() % 1000) * 1e-3f;
    for (size_t i = 0; i < q.size(); ++i) half_sum[i / 16] += q[i];
    for (size_t i = 0; i < scale.size(); ++i) {
      scale[i] = 0.01f;
      scale_sum[i] = scale[i] * static_cast<float>(half_sum[2 * i] + half_sum[2 * i + 1]);
    }
  }
  Inputs inputs() const { return {k, q.data(), scale.data(), half_sum.data(), scale_sum.data(), x.data()}; }
};

// Random weights encoded by the format itself, so that scales are ordinary numbers.
std::vector<uint8_t> weight_rows(const quant::FormatTraits& traits, int64_t values) {
  std::mt19937 rng(2);
  std::vector<float> floats(values);
  for (auto& v : floats) v = static_cast<float>(rng() % 2000) * 1e-5f - 0.01f;
  std::vector<uint8_t> data(values / traits.block_values * traits.block_bytes);
  for (auto& byte : data) byte = static_cast<uint8_t>(rng());
  if (traits.encode_row != nullptr) traits.encode_row(floats.data(), values, data.data());
  return data;
}

void bench_panel(const KernelTable& table, const quant::FormatTraits& traits, double peak) {
  const FormatKernels& kernels = table.formats[static_cast<uint32_t>(traits.format)];
  constexpr int64_t kColumns = 2048;
  constexpr int kTokens = 96;
  const auto data = weight_rows(traits, kColumns * kPanelRows);
  const WeightRows rows{data.data(), static_cast<int64_t>(data.size()) / kPanelRows, kPanelRows};
  const Activations a(kColumns, kTokens);
  auto panel = aligned<uint8_t>(kernels.panel_bytes_per_block * kColumns / kBlock);
  auto acc = aligned<float>(kTokens * kPanelRows);
  std::fill_n(acc.get(), kTokens * kPanelRows, 0.0f);
  const double convert = best_seconds([&] { kernels.convert(rows, 0, kColumns / kBlock, panel.get()); });
  std::printf("%-7s %-7s convert %6.1f weights/ns   multiply GOP/s:", table.name, traits.name,
              kColumns * kPanelRows / convert / 1e9);
  for (int tokens : {1, 2, 3, 4, 5, 6, 8, 96}) {
    const double seconds =
        best_seconds([&] { kernels.multiply(panel.get(), a.inputs(), 0, kColumns / kBlock, 0, tokens, acc.get()); });
    const double gops = 2.0 * kColumns * kPanelRows * tokens / seconds / 1e9;
    std::printf("  %d: %.0f", tokens, gops);
    if (tokens == 96 && peak > 0) std::printf(" (%.0f %%)", 100 * gops / peak);
  }
  std::printf("\n");
  std::fflush(stdout);
}

// One token over all of `data` by `threads`, alternating groups of 32 rows. Returns GB/s of file bytes.
// Every run passes over all of it; the time of a stretch of panels is its best of the runs, so that a busy machine's other
// work is not measured while the data still comes from memory.
template <class Route>
double stream(const std::vector<uint8_t>& data, int64_t row_bytes, int threads, Route route) {
  constexpr int kRuns = 12;
  constexpr int64_t kStretch = 4;
  const int64_t panels = static_cast<int64_t>(data.size()) / row_bytes / kPanelRows;
  std::vector<double> total(threads, 0);
  std::vector<std::thread> workers;
  for (int worker = 0; worker < threads; ++worker) {
    workers.emplace_back([&, worker] {
      set_float_environment();
      std::vector<double> best(panels / (kStretch * threads), 1e9);
      for (int run = 0; run < kRuns; ++run) {
        for (size_t stretch = 0; stretch < best.size(); ++stretch) {
          const double start = now();
          for (int64_t i = 0; i < kStretch; ++i) {
            const int64_t p = (static_cast<int64_t>(stretch) * kStretch + i) * threads + worker;
            route(WeightRows{data.data() + p * kPanelRows * row_bytes, row_bytes, kPanelRows});
          }
          best[stretch] = std::min(best[stretch], now() - start);
        }
      }
      for (double seconds : best) total[worker] += seconds;
    });
  }
  for (auto& worker : workers) worker.join();
  const int64_t done = panels / (kStretch * threads) * kStretch * threads * kPanelRows * row_bytes;
  return static_cast<double>(done) / *std::max_element(total.begin(), total.end()) / 1e9;
}

void bench_decode(const KernelTable& table, const quant::FormatTraits& traits, int64_t megabytes) {
  const FormatKernels& kernels = table.formats[static_cast<uint32_t>(traits.format)];
  constexpr int64_t kColumns = 2048;
  const auto sample = weight_rows(traits, kColumns * kPanelRows);
  std::vector<uint8_t> data;
  data.reserve(megabytes << 20);
  while (data.size() + sample.size() <= static_cast<size_t>(megabytes) << 20) data.insert(data.end(), sample.begin(), sample.end());
  const int64_t row_bytes = static_cast<int64_t>(sample.size()) / kPanelRows;
  const Activations a(kColumns, 1);
  std::printf("%-7s %-7s one token, GB/s:", table.name, traits.name);
  if (kernels.decode != nullptr) {
    const WeightRows rows{sample.data(), row_bytes, kPanelRows};
    alignas(64) float acc[kPanelRows];
    const double seconds = best_seconds([&] { kernels.decode(rows, a.inputs(), 0, 1, acc); });
    std::printf("  decode from cache %.1f ", static_cast<double>(sample.size()) / seconds / 1e9);
  }
  for (int threads : {1, 2}) {
    const double read = stream(data, row_bytes, threads, [](const WeightRows& rows) {
      const auto* p = static_cast<const uint8_t*>(rows.data);
      uint64_t sum[8] = {}, word;
      for (int64_t i = 0; i + 64 <= rows.rows * rows.row_bytes; i += 64) {
        for (int j = 0; j < 8; ++j) std::memcpy(&word, p + i + 8 * j, 8), sum[j] += word;
      }
      for (uint64_t& s : sum) __asm__ volatile("" ::"r"(s));
    });
    const double by_panel = stream(data, row_bytes, threads, [&](const WeightRows& rows) {
      alignas(64) static thread_local uint8_t panel[8 * 4096];
      alignas(64) float acc[kPanelRows] = {};
      for (int64_t at = 0; at < kColumns / kBlock; at += 8) {
        kernels.convert(rows, at, 8, panel);
        kernels.multiply(panel, a.inputs(), at, 8, 0, 1, acc);
      }
      __asm__ volatile("" ::"r"(acc) : "memory");
    });
    std::printf("  %d thread%s: read %.1f, panel %.1f", threads, threads == 1 ? "" : "s", read, by_panel);
    if (kernels.decode == nullptr) continue;
    const double direct = stream(data, row_bytes, threads, [&](const WeightRows& rows) {
      alignas(64) float acc[kPanelRows];
      kernels.decode(rows, a.inputs(), 0, 1, acc);
      __asm__ volatile("" ::"r"(acc) : "memory");
    });
    std::printf(", decode %.1f", direct);
  }
  std::printf("\n");
  std::fflush(stdout);
}

// As the backend does for small batches: straight from the rows where that is faster, else panels of eight blocks, all tokens
// over them and the next eight fetched meanwhile.
void bench_small_batches(const KernelTable& table, const quant::FormatTraits& traits, int64_t megabytes) {
  const FormatKernels& kernels = table.formats[static_cast<uint32_t>(traits.format)];
  constexpr int64_t kColumns = 2048, kStep = 8;
  constexpr int kMost = 32, kPieces = 4;
  const auto sample = weight_rows(traits, kColumns * kPanelRows);
  std::vector<uint8_t> data;
  while (data.size() + sample.size() <= static_cast<size_t>(megabytes) << 20) data.insert(data.end(), sample.begin(), sample.end());
  const int64_t row_bytes = static_cast<int64_t>(sample.size()) / kPanelRows;
  const Activations a(kColumns, kMost);
  std::printf("%-7s %-7s small batches:", table.name, traits.name);
  for (int threads : {1, 2}) {
    double one = 0;
    std::printf("  %d thread%s:", threads, threads == 1 ? "" : "s");
    for (int tokens : {1, 2, 3, 4, 6, 7, 8, 12, 16, 32}) {
      const double rate = stream(data, row_bytes, threads, [&](const WeightRows& rows) {
        alignas(64) static thread_local uint8_t panel[kStep * 4096];
        alignas(64) float acc[kMost * kPanelRows] = {};
        if (kernels.decode != nullptr && tokens <= kernels.decode_tokens) {
          kernels.decode(rows, a.inputs(), 0, tokens, acc);
        } else {
          const int64_t blocks = kColumns / kBlock, chunk_bytes = rows.row_bytes * kStep / blocks;
          for (int64_t at = 0; at < blocks; at += kStep) {
            kernels.convert(rows, at, kStep, panel);
            const int64_t after = at + kStep < blocks ? (at + kStep) * rows.row_bytes / blocks : rows.row_bytes * kPanelRows;
            const auto* next = static_cast<const uint8_t*>(rows.data) + after;
            for (int64_t piece = 0; piece < kPieces; ++piece) {
              for (int r = 0; r < kPanelRows / kPieces; ++r, next += rows.row_bytes) {
                for (int64_t i = 0; i < chunk_bytes; i += 64) __builtin_prefetch(next + i);
              }
              const auto* part = panel + piece * kStep / kPieces * kernels.panel_bytes_per_block;
              kernels.multiply(part, a.inputs(), at + piece * kStep / kPieces, kStep / kPieces, 0, tokens, acc);
            }
          }
        }
        __asm__ volatile("" ::"r"(acc) : "memory");
      });
      if (tokens == 1) one = rate;
      std::printf(" %d: %.2f", tokens, one / rate);
    }
  }
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string only_table = argc > 1 ? argv[1] : "", only_format = argc > 2 ? argv[2] : "";
  const int64_t megabytes = argc > 3 ? std::atoll(argv[3]) : 256;
  set_float_environment();
  for (const KernelTable* table : runnable_tables()) {
    if (only_table.empty() ? table == &kRefTable : only_table != table->name) continue;
    const double peak = peak_gops(*table);
    std::printf("%s: integer peak loop %.0f GOP/s\n", table->name, peak);
#if defined(__x86_64__)
    if (table == &kAvx2Table) std::printf("avx2: with every product widened %.0f GOP/s\n", widened_gops());
#endif
    for (uint32_t number : kFormatNumbers) {
      const quant::FormatTraits* traits = quant::traits(number);
      if (traits == nullptr || (!only_format.empty() && only_format != "all" && only_format != traits->name)) continue;
      bench_panel(*table, *traits, peak);
      if (megabytes > 0) bench_decode(*table, *traits, megabytes);
      if (megabytes > 0) bench_small_batches(*table, *traits, megabytes);
    }
  }
  return 0;
}
