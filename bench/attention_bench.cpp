// Micro-benchmark of attention over one chunk: multiply-adds per second against this machine's float32 fma limit, and bytes of
// keys and values per second for a single token, whose chunks lie in a buffer larger than the caches.
//
// usage: attention_bench [table [head_dim [group]]]
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/kv_page.h"
#include "kernels/select.h"
#include "kernels/table.h"

namespace {

using namespace hearth;
using namespace hearth::kernels;

constexpr int kPages = kAttentionChunk / kPagePositions;
constexpr int64_t kBufferBytes = int64_t{96} << 20;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Seconds of the fastest of many short runs, so that a busy machine's other work is not measured.
template <class Work>
double best_seconds(int runs, Work work) {
  double best = 1e9;
  for (int run = 0; run < runs; ++run) {
    const double start = now();
    work();
    best = std::min(best, now() - start);
  }
  return best;
}

#if defined(__x86_64__)
// vfmadd231ps in ymm registers: multiply-adds per second.
double fma_rate() {
  constexpr int64_t kSteps = 20000;
  const double seconds = best_seconds(200, [] {
    for (int64_t i = 0; i < kSteps; ++i) {
      __asm__ volatile(
          "vfmadd231ps %%ymm0, %%ymm0, %%ymm1\n vfmadd231ps %%ymm0, %%ymm0, %%ymm2\n vfmadd231ps %%ymm0, %%ymm0, %%ymm3\n"
          "vfmadd231ps %%ymm0, %%ymm0, %%ymm4\n vfmadd231ps %%ymm0, %%ymm0, %%ymm5\n vfmadd231ps %%ymm0, %%ymm0, %%ymm6\n"
          "vfmadd231ps %%ymm0, %%ymm0, %%ymm7\n vfmadd231ps %%ymm0, %%ymm0, %%ymm8\n vfmadd231ps %%ymm0, %%ymm0, %%ymm9\n"
          "vfmadd231ps %%ymm0, %%ymm0, %%ymm10\n"
          :
          :
          : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10");
    }
  });
  return 10.0 * 8 * kSteps / seconds;
}
#endif

struct Free {
  void operator()(void* p) const { std::free(p); }
};
template <class T>
std::unique_ptr<T[], Free> aligned(int64_t count) {
  const size_t bytes = (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
  return std::unique_ptr<T[], Free>(static_cast<T*>(std::aligned_alloc(64, bytes)));
}

// Keys and values of `chunks` chunks and queries that see all of them.
class Chunks {
 public:
  Chunks(const KernelTable& table, KvType type, int head_dim, int queries, int64_t chunks)
      : table_(table), head_dim_(head_dim), queries_(queries), chunk_count_(chunks) {
    page_bytes_ = key_page_bytes(type, head_dim) + value_page_bytes(type, head_dim);
    memory_ = aligned<std::byte>(page_bytes_ * kPages * chunks);
    std::mt19937 engine(1);
    std::normal_distribution<float> normal;
    std::vector<float> k(static_cast<size_t>(head_dim)), v(k.size());
    for (float& value : k) value = normal(engine);
    for (int64_t position = 0; position < chunks * kAttentionChunk; ++position) {
      for (float& value : v) value = normal(engine);
      std::byte* page = memory_.get() + position / kPagePositions * page_bytes_;
      table.store_kv(k.data(), v.data(), head_dim, static_cast<int>(position % kPagePositions), type, page,
                     page + key_page_bytes(type, head_dim));
    }
    const int64_t blocks = head_blocks(head_dim);
    q_ = aligned<float>(queries * blocks * kBlock);
    for (int64_t i = 0; i < queries * blocks * kBlock; ++i) q_[i] = normal(engine);
    q_int8_ = aligned<int8_t>(queries * blocks * kBlock);
    q_scale_ = aligned<float>(queries * blocks);
    std::vector<float> sums(static_cast<size_t>(queries * blocks));
    std::vector<int32_t> halves(2 * sums.size());
    table.quantise(q_.get(), queries * blocks * kBlock, q_int8_.get(), q_scale_.get(), halves.data(), sums.data());
    for (int query = 0; query < queries; ++query) pointers_.push_back(q_.get() + query * blocks * kBlock);
    begin_.assign(static_cast<size_t>(queries), 0);
    end_.assign(static_cast<size_t>(queries), kAttentionChunk);
    out_ = aligned<float>(queries * (head_dim + 2));
    scratch_ = aligned<float>(queries * kAttentionChunk);
    type_ = type;
  }

  int64_t bytes() const { return page_bytes_ * kPages; }  // of one chunk

  void run(int64_t index) {
    std::array<const void*, kPages> keys{}, values{}, next_keys{};
    for (int page = 0; page < kPages; ++page) {
      next_keys[static_cast<size_t>(page)] = memory_.get() + ((index + 1) % chunk_count_ * kPages + page) * page_bytes_;
      const std::byte* base = memory_.get() + (index % chunk_count_ * kPages + page) * page_bytes_;
      keys[static_cast<size_t>(page)] = base;
      values[static_cast<size_t>(page)] = base + key_page_bytes(type_, head_dim_);
    }
    AttentionChunk chunk{};
    chunk.key_pages = keys.data();
    chunk.value_pages = values.data();
    chunk.next_key_pages = next_keys.data();
    chunk.type = type_;
    chunk.head_dim = head_dim_;
    chunk.scale = 0.125f;
    chunk.queries = queries_;
    chunk.q = pointers_.data();
    chunk.q_int8 = q_int8_.get();
    chunk.q_scale = q_scale_.get();
    chunk.begin = begin_.data();
    chunk.end = end_.data();
    chunk.m = out_.get();
    chunk.l = out_.get() + queries_;
    chunk.o = out_.get() + 2 * queries_;
    chunk.scratch = scratch_.get();
    table_.attention_chunk(chunk);
  }

 private:
  const KernelTable& table_;
  KvType type_;
  int head_dim_, queries_;
  int64_t chunk_count_, page_bytes_;
  std::unique_ptr<std::byte[], Free> memory_;
  std::unique_ptr<float[], Free> q_, q_scale_, out_, scratch_;
  std::unique_ptr<int8_t[], Free> q_int8_;
  std::vector<const float*> pointers_;
  std::vector<int32_t> begin_, end_;
};

void bench_tiles(const KernelTable& table, KvType type, const char* name, int head_dim, double limit) {
  std::printf("%-5s head %3d:", name, head_dim);
  for (int queries : {1, 2, 3, 4, 6, 7, 12, 24, 48}) {
    Chunks chunks(table, type, head_dim, queries, 4);
    int64_t index = 0;
    const double seconds = best_seconds(400, [&] { chunks.run(index++); });
    const double rate = 2.0 * queries * kAttentionChunk * head_dim / seconds;
    std::printf("  %d: %.1f G/s %.0f %%", queries, rate / 1e9, 100 * rate / limit);
  }
  std::printf("\n");
}

void bench_memory(const KernelTable& table, KvType type, const char* name, int head_dim, int group) {
  const int64_t bytes = kPages * (key_page_bytes(type, head_dim) + value_page_bytes(type, head_dim));
  const int64_t count = kBufferBytes / bytes;
  Chunks chunks(table, type, head_dim, group, count);
  int64_t index = 0;
  const int64_t step = std::max<int64_t>(1, count / 16);
  const double seconds = best_seconds(48, [&] {
    for (int64_t i = 0; i < step; ++i) chunks.run(index++);
  });
  std::printf("%-5s head %3d, one token of %d heads from memory: %.1f GB/s\n", name, head_dim, group,
              static_cast<double>(step * bytes) / seconds / 1e9);
}

}  // namespace

int main(int argc, char** argv) {
  const auto found = table_by_name(argc > 1 ? argv[1] : best_table().name);
  if (!found.ok()) {
    std::fprintf(stderr, "%s\n", found.error().message.c_str());
    return 1;
  }
  const KernelTable& table = *found.value();
  const int head_dim = argc > 2 ? std::clamp(std::atoi(argv[2]), 1, kMaxHeadDim) : 64;
  const int group = argc > 3 ? std::clamp(std::atoi(argv[3]), 1, 64) : 3;
  set_float_environment();
  double limit = 0;
#if defined(__x86_64__)
  limit = fma_rate();
  std::printf("%s; 256-bit fma limit %.1f multiply-adds/ns\n", table.name, limit / 1e9);
#endif
  constexpr std::array<std::pair<KvType, const char*>, 3> kTypes{
      {{KvType::kF32, "f32"}, {KvType::kF16, "f16"}, {KvType::kInt8, "int8"}}};
  for (const auto& [type, name] : kTypes) bench_tiles(table, type, name, head_dim, limit);
  for (const auto& [type, name] : kTypes) bench_memory(table, type, name, head_dim, group);
  return 0;
}
