// The linear kernels of every table this CPU can run: against goldens computed with exact arithmetic, and bit for bit
// against ref/ on random and extreme inputs; ref/ itself against the formats' decoders.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <new>
#include <random>
#include <vector>

#include "kernels/select.h"
#include "kernels/table.h"
#include "quant/traits.h"

namespace hearth::kernels {
namespace {

using quant::Format;

// The tables under test. Through SIMDe the AVX-VNNI and AVX-512 files run on any CPU, so those tables are added.
std::vector<const KernelTable*> tables_under_test() {
#ifdef HEARTH_AVX512_THROUGH_SIMDE
  if (!table_by_name("avx2").ok()) return {&kRefTable};
  return {&kRefTable, &kAvxVnniTable, &kAvx512Table};
#else
  return runnable_tables();
#endif
}

struct FormatInfo {
  Format format;
  const char* name;
  int block_bytes, block_values;
  std::vector<int> half_fields;  // offsets of the float16 fields of a block
};

const std::vector<FormatInfo> kFormats = {
    {Format::kF32, "F32", 4, 1, {}},           {Format::kF16, "F16", 2, 1, {0}},
    {Format::kBF16, "BF16", 2, 1, {}},         {Format::kQ4_0, "Q4_0", 18, 32, {0}},
    {Format::kQ4_1, "Q4_1", 20, 32, {0, 2}},   {Format::kQ5_0, "Q5_0", 22, 32, {0}},
    {Format::kQ5_1, "Q5_1", 24, 32, {0, 2}},   {Format::kQ8_0, "Q8_0", 34, 32, {0}},
    {Format::kQ2_K, "Q2_K", 84, 256, {80, 82}}, {Format::kQ3_K, "Q3_K", 110, 256, {108}},
    {Format::kQ4_K, "Q4_K", 144, 256, {0, 2}}, {Format::kQ5_K, "Q5_K", 176, 256, {0, 2}},
    {Format::kQ6_K, "Q6_K", 210, 256, {208}},  {Format::kIQ4_NL, "IQ4_NL", 18, 32, {0}},
    {Format::kIQ4_XS, "IQ4_XS", 136, 256, {0}},
};

const FormatKernels& kernels_of(const KernelTable& table, Format format) {
  return table.formats[static_cast<uint32_t>(format)];
}

bool is_float(Format format) { return format == Format::kF32 || format == Format::kF16 || format == Format::kBF16; }

template <class T>
struct AlignedDelete {
  void operator()(T* p) const { ::operator delete[](p, std::align_val_t{64}); }
};
template <class T>
using Aligned = std::unique_ptr<T[], AlignedDelete<T>>;
template <class T>
Aligned<T> aligned(size_t count) {
  return Aligned<T>(static_cast<T*>(::operator new[](count * sizeof(T), std::align_val_t{64})));
}

// Activations with everything that Inputs points to.
struct Activations {
  int64_t k;
  int tokens;
  std::vector<int8_t> q;
  std::vector<float> scale, scale_sum, x;
  std::vector<int32_t> half_sum;

  Activations(int64_t k, int tokens)
      : k(k), tokens(tokens), q(tokens * k), scale(tokens * k / 32), scale_sum(scale.size()), x(q.size()),
        half_sum(tokens * k / 16) {}

  void sum() {
    for (size_t i = 0; i < half_sum.size(); ++i) {
      half_sum[i] = 0;
      for (int j = 0; j < 16; ++j) half_sum[i] += q[i * 16 + j];
    }
    for (size_t i = 0; i < scale.size(); ++i) {
      scale_sum[i] = scale[i] * static_cast<float>(half_sum[2 * i] + half_sum[2 * i + 1]);
    }
  }
  Inputs inputs() const { return {k, q.data(), scale.data(), half_sum.data(), scale_sum.data(), x.data()}; }
};

// [tokens, 32] by panels of `chunk` blocks.
std::vector<float> by_panel(const FormatKernels& kernels, const WeightRows& weights, const Activations& a, int64_t chunk,
                            int first, int tokens) {
  const int64_t blocks = a.k / kBlock;
  auto panel = aligned<uint8_t>(kernels.panel_bytes_per_block * std::min(chunk, blocks));
  auto acc = aligned<float>(tokens * kPanelRows);
  std::fill_n(acc.get(), tokens * kPanelRows, 0.0f);
  for (int64_t at = 0; at < blocks; at += chunk) {
    const int64_t count = std::min(chunk, blocks - at);
    kernels.convert(weights, at, count, panel.get());
    kernels.multiply(panel.get(), a.inputs(), at, count, first, tokens, acc.get());
  }
  return {acc.get(), acc.get() + tokens * kPanelRows};
}

uint32_t bits(float value) {
  uint32_t word;
  std::memcpy(&word, &value, sizeof word);
  return word;
}

// Fails with the first difference among the rows that exist.
void expect_same(const std::vector<float>& want, const std::vector<float>& got, int rows, const std::string& what) {
  ASSERT_EQ(want.size(), got.size());
  for (size_t i = 0; i < want.size(); ++i) {
    if (static_cast<int>(i % kPanelRows) >= rows) continue;
    ASSERT_EQ(bits(want[i]), bits(got[i])) << what << ": token " << i / kPanelRows << " row " << i % kPanelRows << " want "
                                           << want[i] << " got " << got[i];
  }
}

std::vector<uint8_t> random_weights(const FormatInfo& info, int rows, int64_t k, std::mt19937& rng) {
  const int64_t blocks = rows * k / info.block_values;
  std::vector<uint8_t> data(blocks * info.block_bytes);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(rng());
  for (int64_t b = 0; b < blocks; ++b) {
    uint8_t* block = data.data() + b * info.block_bytes;
    for (int at : info.half_fields) {
      uint16_t half = static_cast<uint16_t>(rng());
      if (rng() % 4 != 0) half = static_cast<uint16_t>((half & 0x83ff) | (rng() % 12 << 10));  // at most 0.03
      if ((half & 0x7c00) == 0x7c00) half &= 0xbfff;  // no Inf, no NaN
      if (rng() % 16 == 0) half &= 0x8000;            // zero
      if (rng() % 16 == 0) half &= 0x83ff;            // subnormal
      std::memcpy(block + at, &half, 2);
    }
    if (info.format == Format::kBF16 && (block[1] & 0x7f) >= 0x7f) block[1] &= 0xbf;
    if (info.format == Format::kF32) {
      const float value = std::ldexp(static_cast<float>(static_cast<int32_t>(rng())), -34);
      std::memcpy(block, &value, 4);
    }
  }
  return data;
}

Activations random_activations(int64_t k, int tokens, std::mt19937& rng) {
  Activations a(k, tokens);
  std::normal_distribution<float> normal;
  for (auto& q : a.q) q = static_cast<int8_t>(static_cast<int>(rng() % 255) - 127);
  for (auto& x : a.x) x = normal(rng);
  for (size_t i = 0; i < a.scale.size(); ++i) {
    a.scale[i] = std::ldexp(1.0f + static_cast<float>(rng() % 1000) / 1001.0f, -static_cast<int>(rng() % 12));
    if (rng() % 20 == 0) {
      a.scale[i] = 0;
      std::fill_n(a.q.begin() + i * 32, 32, 0);
    }
  }
  a.sum();
  return a;
}

TEST(LinearGolden, EveryTableMatchesExactArithmetic) {
  std::ifstream file(std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/kernels/linear.bin", std::ios::binary);
  ASSERT_TRUE(file);
  auto read = [&file](void* out, size_t bytes) { file.read(static_cast<char*>(out), static_cast<std::streamsize>(bytes)); };
  char magic[4];
  uint32_t cases = 0;
  read(magic, 4);
  ASSERT_EQ(std::string(magic, 4), "HKG1");
  read(&cases, 4);
  ASSERT_EQ(cases, kFormats.size());
  for (uint32_t c = 0; c < cases; ++c) {
    uint32_t header[5];
    read(header, sizeof header);
    const auto [format, rows, k, tokens, row_bytes] = header;
    std::vector<uint8_t> data(rows * row_bytes);
    Activations a(k, static_cast<int>(tokens));
    std::vector<float> expected(tokens * rows);
    read(data.data(), data.size());
    read(a.q.data(), a.q.size());
    read(a.scale.data(), a.scale.size() * 4);
    read(a.x.data(), a.x.size() * 4);
    read(expected.data(), expected.size() * 4);
    ASSERT_TRUE(file);
    a.sum();
    const WeightRows weights{data.data(), row_bytes, static_cast<int>(rows)};
    for (const KernelTable* table : tables_under_test()) {
      const FormatKernels& kernels = kernels_of(*table, static_cast<Format>(format));
      const auto got = by_panel(kernels, weights, a, k / kBlock, 0, static_cast<int>(tokens));
      for (uint32_t i = 0; i < tokens * rows; ++i) {
        ASSERT_EQ(bits(expected[i]), bits(got[i / rows * kPanelRows + i % rows]))
            << table->name << " format " << format << " at " << i << ": want " << expected[i];
      }
    }
  }
}

class LinearTables : public testing::TestWithParam<FormatInfo> {
 protected:
  // Compares every table with ref on these inputs, by one panel, by chunks, and by decode where there is one.
  void compare(const std::vector<uint8_t>& data, int rows, const Activations& a, const std::string& what) {
    const FormatInfo& info = GetParam();
    const WeightRows weights{data.data(), a.k / info.block_values * info.block_bytes, rows};
    const int64_t blocks = a.k / kBlock;
    const auto want = by_panel(kernels_of(kRefTable, info.format), weights, a, blocks, 0, a.tokens);
    for (const KernelTable* table : tables_under_test()) {
      const FormatKernels& kernels = kernels_of(*table, info.format);
      const std::string label = std::string(table->name) + " " + info.name + " " + what;
      ASSERT_GT(kernels.panel_bytes_per_block, 0u) << label;
      ASSERT_EQ(kernels.panel_bytes_per_block % 64, 0u) << label;
      expect_same(want, by_panel(kernels, weights, a, blocks, 0, a.tokens), rows, label);
      expect_same(want, by_panel(kernels, weights, a, 8, 0, a.tokens), rows, label + " in chunks");
      if (a.tokens > 1) {
        const std::vector<float> tail(want.begin() + kPanelRows, want.end());
        expect_same(tail, by_panel(kernels, weights, a, blocks, 1, a.tokens - 1), rows, label + " from token 1");
      }
      if (kernels.decode == nullptr) continue;
      for (int size : {a.tokens, 1}) {
        for (int t = 0; t + size <= a.tokens; ++t) {
          auto acc = aligned<float>(size * kPanelRows);
          std::fill_n(acc.get(), size * kPanelRows, 123.0f);
          kernels.decode(weights, a.inputs(), t, size, acc.get());
          const std::vector<float> part(want.begin() + t * kPanelRows, want.begin() + (t + size) * kPanelRows);
          expect_same(part, {acc.get(), acc.get() + size * kPanelRows}, rows,
                      label + " decode of " + std::to_string(size) + " tokens from " + std::to_string(t));
        }
      }
    }
  }
  int64_t unit() const { return std::max(GetParam().block_values, 32); }
};

TEST_P(LinearTables, TokenCounts) {
  std::mt19937 rng(1);
  for (int tokens = 1; tokens <= 13; ++tokens) {
    const int64_t k = 3 * unit();
    compare(random_weights(GetParam(), 32, k, rng), 32, random_activations(k, tokens, rng), std::to_string(tokens) + " tokens");
  }
}

TEST_P(LinearTables, RowCounts) {
  std::mt19937 rng(2);
  for (int rows = 1; rows <= 32; ++rows) {
    const int64_t k = 2 * unit();
    compare(random_weights(GetParam(), rows, k, rng), rows, random_activations(k, 2, rng), std::to_string(rows) + " rows");
  }
}

TEST_P(LinearTables, Lengths) {
  std::mt19937 rng(3);
  for (int64_t k : {unit(), 5 * unit(), 17 * unit(), int64_t{1536}, int64_t{9216}}) {
    compare(random_weights(GetParam(), 31, k, rng), 31, random_activations(k, 3, rng), "k " + std::to_string(k));
  }
}

// Weights of one byte value throughout (so that every field is at an end of its range) against activations of +-127.
TEST_P(LinearTables, Extremes) {
  const FormatInfo& info = GetParam();
  std::mt19937 rng(4);
  for (int fill : {0x00, 0xff, 0x80, 0x7f, 0x0f, 0xf0, 0x1f, 0xe0}) {
    const int64_t k = 2 * unit();
    auto data = random_weights(info, 32, k, rng);
    for (size_t i = 0; i < data.size() && !is_float(info.format); ++i) {
      const int at = static_cast<int>(i % info.block_bytes);
      bool keep = false;
      for (int field : info.half_fields) keep = keep || at == field || at == field + 1;
      if (!keep) data[i] = static_cast<uint8_t>(fill);
    }
    for (int sign : {-1, 0, 1}) {
      Activations a = random_activations(k, 7, rng);
      for (size_t i = 0; i < a.q.size(); ++i) {
        const int side = sign != 0 ? sign : (rng() % 2 != 0 ? 1 : -1);
        a.q[i] = static_cast<int8_t>(side * 127);
      }
      a.sum();
      compare(data, 32, a, "bytes " + std::to_string(fill) + " sign " + std::to_string(sign));
    }
  }
}

// A run of bytes between two pages that must not be touched, against the first or the second of them.
class Fenced {
 public:
  explicit Fenced(const std::vector<uint8_t>& bytes, bool at_end) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), room = (bytes.size() + page - 1) / page * page;
    size_ = room + 2 * page;
    map_ = mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto* begin = static_cast<uint8_t*>(map_) + page;
    if (map_ == MAP_FAILED || mprotect(begin, room, PROT_READ | PROT_WRITE) != 0) return;
    data_ = at_end ? begin + room - bytes.size() : begin;
    std::memcpy(data_, bytes.data(), bytes.size());
  }
  ~Fenced() { munmap(map_, size_); }
  Fenced(const Fenced&) = delete;
  Fenced& operator=(const Fenced&) = delete;
  const uint8_t* data() const { return data_; }

 private:
  void* map_;
  size_t size_;
  uint8_t* data_ = nullptr;
};

TEST_P(LinearTables, ReadNothingOutsideTheRows) {
  const FormatInfo& info = GetParam();
  std::mt19937 rng(6);
  for (int rows : {1, 7, 32}) {
    const int64_t k = unit();
    const auto bytes = random_weights(info, rows, k, rng);
    const Activations a = random_activations(k, 1, rng);
    for (bool at_end : {false, true}) {
      const Fenced fenced(bytes, at_end);
      ASSERT_NE(fenced.data(), nullptr);
      const WeightRows weights{fenced.data(), k / info.block_values * info.block_bytes, rows};
      for (const KernelTable* table : tables_under_test()) {
        const FormatKernels& kernels = kernels_of(*table, info.format);
        by_panel(kernels, weights, a, k / kBlock, 0, 1);
        auto acc = aligned<float>(kPanelRows);
        if (kernels.decode != nullptr) kernels.decode(weights, a.inputs(), 0, 1, acc.get());
      }
    }
  }
}

// The scalar kernels against the formats' own decoders and double arithmetic: what they compute is the dot product.
TEST_P(LinearTables, RefIsTheDotProductOfDecodedWeights) {
  const FormatInfo& info = GetParam();
  std::mt19937 rng(5);
  const int64_t k = 4 * unit();
  const int rows = 9, tokens = 3;
  const auto data = random_weights(info, rows, k, rng);
  const Activations a = random_activations(k, tokens, rng);
  const WeightRows weights{data.data(), k / info.block_values * info.block_bytes, rows};
  const auto got = by_panel(kernels_of(kRefTable, info.format), weights, a, k / kBlock, 0, tokens);
  std::vector<float> decoded(k);
  for (int row = 0; row < rows; ++row) {
    quant::traits(info.format).decode_row(data.data() + row * weights.row_bytes, k, decoded.data());
    for (int t = 0; t < tokens; ++t) {
      double dot = 0, size = 0;
      for (int64_t i = 0; i < k; ++i) {
        const int64_t at = t * k + i;
        const double x = is_float(info.format) ? double{a.x[at]} : double{a.scale[at / 32]} * a.q[at];
        dot += x * decoded[i];
        size += std::fabs(x * decoded[i]);
      }
      EXPECT_NEAR(got[t * kPanelRows + row], dot, 2e-6 * size) << "row " << row << " token " << t;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, LinearTables, testing::ValuesIn(kFormats),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Select, NamesEveryTable) {
  const auto tables = runnable_tables();
  ASSERT_FALSE(tables.empty());
  EXPECT_EQ(tables.front(), &kRefTable);
  EXPECT_EQ(&best_table(), tables.back());
  for (const KernelTable* table : tables) EXPECT_EQ(*table_by_name(table->name), table);
  const auto unknown = table_by_name("sse");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hearth::kernels
