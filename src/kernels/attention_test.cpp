// Attention of every table: the scalar one against plain double arithmetic, vector ones against the scalar one bit for bit,
// and the promises that make results independent of the batch: a query's answer never depends on its neighbours, and
// memory that no query may see (here NaN) never reaches a result.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/kv_page.h"
#include "kernels/ref/half.h"
#include "kernels/variants_test.h"

namespace hearth::kernels {
namespace {

using test::Random;
using test::Variant;
using Floats = std::vector<float>;

using Bytes = std::vector<uint8_t>;

constexpr int kPages = kAttentionChunk / kPagePositions;
constexpr KvType kTypes[] = {KvType::kF32, KvType::kF16, KvType::kInt8};

// Rows of head_dim floats rounded to int8 in blocks of 32, the last padded with zeros.
struct Int8Rows {
  Int8Rows(const Floats& x, int head_dim) {
    const auto width = static_cast<size_t>(head_dim), padded = static_cast<size_t>(head_blocks(head_dim)) * kBlock;
    Floats all(x.size() / width * padded, 0.0f);
    for (size_t row = 0; row * width < x.size(); ++row) std::copy_n(&x[row * width], width, &all[row * padded]);
    q.resize(all.size());
    scale.resize(all.size() / kBlock);
    std::vector<int32_t> half_sum(2 * scale.size());
    Floats scale_sum(scale.size());
    EXPECT_TRUE(test::ref_table().quantise(all.data(), static_cast<int64_t>(all.size()), q.data(), scale.data(),
                                           half_sum.data(), scale_sum.data()));
  }
  std::vector<int8_t> q;
  Floats scale;
};

// One chunk with queries. Pages that no query sees are absent, unseen slots hold NaN.
struct Case {
  Case(Random& random, const KernelTable& table, int head_dim, KvType type, std::vector<int32_t> begins,
       std::vector<int32_t> ends, int first_position, int kind = 0)
      : head_dim(head_dim), type(type), first(first_position), begin(std::move(begins)), end(std::move(ends)) {
    keys = random.floats(kAttentionChunk * head_dim, kind);
    values = random.floats(kAttentionChunk * head_dim, kind);
    for (int page = 0; page < kPages; ++page) {
      key_memory.emplace_back(key_page_bytes(type, head_dim), uint8_t{0xff});
      value_memory.emplace_back(value_page_bytes(type, head_dim), uint8_t{0xff});
      bool seen_page = false;
      for (int slot = 0; slot < kPagePositions; ++slot) {
        if (!seen(page * kPagePositions + slot)) continue;
        seen_page = true;
        const size_t row = static_cast<size_t>((page * kPagePositions + slot) * head_dim);
        table.store_kv(&keys[row], &values[row], head_dim, slot, type, key_memory.back().data(), value_memory.back().data());
      }
      key_pages.push_back(seen_page ? key_memory.back().data() : nullptr);
      value_pages.push_back(seen_page ? value_memory.back().data() : nullptr);
    }
    next_pages = key_pages;  // what is only fetched may lie anywhere, or be absent
    if (first_position % 512 == 0) next_pages[1] = nullptr;
    q = random.floats(static_cast<int64_t>(begin.size()) * head_dim, kind);
  }

  bool seen(int position) const {
    for (size_t i = 0; i < begin.size(); ++i) {
      if (position + first >= begin[i] && position + first < end[i]) return true;
    }
    return false;
  }

  struct Output {
    Floats m, l, o;
    bool operator==(const Output& other) const {
      const auto same = [](const Floats& a, const Floats& b) {
        return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
      };
      return same(m, other.m) && same(l, other.l) && same(o, other.o);
    }
  };

  // Queries [from, from + count).
  Output run(const KernelTable& table, size_t from, size_t count) const {
    Output out{Floats(count, NAN), Floats(count, NAN), Floats(count * static_cast<size_t>(head_dim), NAN)};
    std::vector<const float*> pointers;
    for (size_t i = from; i < from + count; ++i) pointers.push_back(&q[i * static_cast<size_t>(head_dim)]);
    Floats scratch(count * kAttentionChunk + 16, NAN);
    float* aligned = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) & ~uintptr_t{63});
    const Int8Rows quantised(q, head_dim);
    AttentionChunk chunk{};
    chunk.key_pages = key_pages.data();
    chunk.value_pages = value_pages.data();
    chunk.next_key_pages = from % 2 == 0 ? next_pages.data() : nullptr;
    chunk.type = type;
    chunk.head_dim = head_dim;
    chunk.first_position = first;
    chunk.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
    chunk.queries = static_cast<int>(count);
    chunk.q = pointers.data();
    chunk.q_int8 = quantised.q.data() + from * static_cast<size_t>(head_blocks(head_dim)) * kBlock;
    chunk.q_scale = quantised.scale.data() + from * static_cast<size_t>(head_blocks(head_dim));
    chunk.begin = begin.data() + from;
    chunk.end = end.data() + from;
    chunk.m = out.m.data();
    chunk.l = out.l.data();
    chunk.o = out.o.data();
    chunk.scratch = aligned;
    table.attention_chunk(chunk);
    return out;
  }
  Output run(const KernelTable& table) const { return run(table, 0, begin.size()); }

  int head_dim;
  KvType type;
  int first;
  std::vector<int32_t> begin, end;
  Floats keys, values, q;
  std::vector<Bytes> key_memory, value_memory;  // all bits set: NaN, whatever the type
  std::vector<const void*> key_pages, value_pages, next_pages;
};

// Visible ranges of several shapes: decode, causal prefill of grouped heads, sliding windows, disjoint and empty ones.
std::vector<std::pair<std::vector<int32_t>, std::vector<int32_t>>> shapes(Random& random) {
  std::vector<std::pair<std::vector<int32_t>, std::vector<int32_t>>> all;
  for (int end : {1, 15, 16, 17, 63, 64, 65, 128, 200, 255, 256, 1000}) all.push_back({{0, 0, 0}, {end, end, end}});
  std::vector<int32_t> begin, end;
  for (int token = 0; token < 9; ++token) {
    for (int head = 0; head < 3; ++head) {
      begin.push_back(0);
      end.push_back(40 + token);
    }
  }
  all.push_back({begin, end});
  begin.clear();
  end.clear();
  for (int token = 0; token < 20; ++token) {
    begin.push_back(std::max(0, 90 + token * 9 - 100));
    end.push_back(91 + token * 9);
  }
  all.push_back({begin, end});
  all.push_back({{0, 200, 0, 90}, {10, 210, 0, 91}});
  all.push_back({{256, 300, 5}, {400, 310, 5}});
  for (int i = 0; i < 10; ++i) {
    begin.clear();
    end.clear();
    const int queries = 1 + random.below(14);
    for (int query = 0; query < queries; ++query) {
      begin.push_back(random.below(300));
      end.push_back(begin.back() + random.below(200));
    }
    all.push_back({begin, end});
  }
  return all;
}

class AttentionTest : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    if (!GetParam().runnable) GTEST_SKIP() << "this CPU cannot run " << GetParam().name;
  }
  const KernelTable& table() const { return GetParam().table; }
};
INSTANTIATE_TEST_SUITE_P(Tables, AttentionTest, ::testing::ValuesIn(test::variants()), test::variant_name);

TEST_P(AttentionTest, ChunksEqualTheScalarOnes) {
  Random random(3);
  for (int head_dim : {2, 8, 16, 24, 32, 45, 64, 72, 80, 96, 128, 256}) {
    for (KvType type : kTypes) {
      for (const auto& [begin, end] : shapes(random)) {
        const Case chunk(random, test::ref_table(), head_dim, type, begin, end, 0);
        ASSERT_EQ(chunk.run(table()), chunk.run(test::ref_table())) << head_dim << " " << static_cast<int>(type);
      }
    }
  }
}

TEST_P(AttentionTest, QueriesDoNotSeeTheirNeighbours) {
  Random random(4);
  for (const auto& [begin, end] : shapes(random)) {
    for (KvType type : {KvType::kF16, KvType::kInt8}) {
      const Case chunk(random, table(), 64, type, begin, end, 0);
      const Case::Output together = chunk.run(table());
      for (size_t i = 0; i < begin.size(); ++i) {
        const Case::Output alone = chunk.run(table(), i, 1);
        EXPECT_EQ(std::memcmp(&alone.l[0], &together.l[i], sizeof(float)), 0);
        EXPECT_EQ(std::memcmp(alone.o.data(), &together.o[i * 64], 64 * sizeof(float)), 0);
      }
    }
  }
}

TEST_P(AttentionTest, TinyProbabilitiesKeepTheirSigns) {
  // Products that underflow leave -0 in the chain; positions after a query's end must not turn it into +0.
  Random random(5);
  Case chunk(random, table(), 16, KvType::kF32, {0, 0, 0}, {30, 33, 47}, 0);
  const float tiny = -0x1p-140f;
  for (Bytes& page : chunk.value_memory) {
    for (size_t at = 0; at < page.size(); at += sizeof(float)) std::memcpy(&page[at], &tiny, sizeof(float));
  }
  for (float& value : chunk.q) value *= 40.0f;
  const Case::Output together = chunk.run(table());
  EXPECT_EQ(together, chunk.run(test::ref_table()));
  EXPECT_EQ(std::memcmp(chunk.run(table(), 0, 1).o.data(), together.o.data(), 16 * sizeof(float)), 0);
}

TEST_P(AttentionTest, StoreFoldAndFinishEqualTheScalarOnes) {
  Random random(6);
  for (int head_dim = 1; head_dim <= 130; ++head_dim) {
    for (int kind = 0; kind < Random::kKinds; ++kind) {
      const Floats k = random.floats(head_dim, kind);
      const Floats v = random.floats(head_dim, kind);
      for (KvType type : kTypes) {
        Bytes expected_k(key_page_bytes(type, head_dim), 0xab), expected_v(value_page_bytes(type, head_dim), 0xab);
        Bytes actual_k = expected_k, actual_v = expected_v;
        for (int slot : {0, 15, 16, 63}) {
          test::ref_table().store_kv(k.data(), v.data(), head_dim, slot, type, expected_k.data(), expected_v.data());
          table().store_kv(k.data(), v.data(), head_dim, slot, type, actual_k.data(), actual_v.data());
        }
        ASSERT_EQ(expected_k, actual_k);
        ASSERT_EQ(expected_v, actual_v);
      }
      float m1 = -INFINITY, m2 = -INFINITY, l1 = 0.0f, l2 = 0.0f;
      Floats o1(k.size()), o2(k.size()), out1(k.size()), out2(k.size());
      for (float mc : {1.5f, -2.0f, 3.25f, 100.0f, 99.0f}) {
        const Floats oc = random.floats(head_dim, 0);
        test::ref_table().attention_fold(&m1, &l1, o1.data(), mc, 7.5f, oc.data(), head_dim);
        table().attention_fold(&m2, &l2, o2.data(), mc, 7.5f, oc.data(), head_dim);
      }
      test::ref_table().attention_finish(o1.data(), l1, head_dim, out1.data());
      table().attention_finish(o2.data(), l2, head_dim, out2.data());
      ASSERT_EQ(m1, m2);
      ASSERT_EQ(l1, l2);
      ASSERT_EQ(out1, out2);
    }
  }
}

TEST_P(AttentionTest, Int8ChunksEqualTheScalarOnesAtTheEdges) {
  Random random(7);
  for (int head_dim : {1, 3, 5, 31, 33, 64, 100, 160, kMaxHeadDim}) {
    for (int kind : {0, 1, 2}) {  // with wide exponents too, but finite
      const Case chunk(random, test::ref_table(), head_dim, KvType::kInt8, {0, 3, 0, 17, 100}, {256, 256, 70, 255, 101}, 0, kind);
      const Case::Output out = chunk.run(table()), expected = chunk.run(test::ref_table());
      if (std::all_of(expected.o.begin(), expected.o.end(), [](float x) { return std::isfinite(x); })) {
        ASSERT_EQ(out, expected) << head_dim << " " << kind;
      }
    }
  }
}

TEST_P(AttentionTest, Int8SumsDoNotSaturate) {
  // Every product at the ends of its range, with both signs.
  Random random(10);
  for (float sign : {1.0f, -1.0f}) {
    Case chunk(random, test::ref_table(), 64, KvType::kInt8, {0, 0, 0, 0, 0, 0, 0}, {64, 64, 64, 64, 64, 64, 64}, 0);
    const Floats k(64, sign), v(64, -3.0f);
    for (int slot = 0; slot < kPagePositions; ++slot) {
      table().store_kv(k.data(), v.data(), 64, slot, KvType::kInt8, chunk.key_memory[0].data(), chunk.value_memory[0].data());
    }
    std::fill(chunk.q.begin(), chunk.q.end(), 1.0f);
    const Case::Output out = chunk.run(table());
    for (float m : out.m) EXPECT_NEAR(m, sign * 8.0f, 1e-4f);
    for (float l : out.l) EXPECT_EQ(l, 64.0f);
    for (float o : out.o) EXPECT_NEAR(o, -192.0f, 1e-3f);
    EXPECT_EQ(out, chunk.run(test::ref_table()));
  }
}

// What int8 keys and values stand for, taken from the pages by the layout that kv_page.h states, attended in double.
TEST(Attention, ScalarInt8ChunksMatchDoubleArithmetic) {
  Random random(11);
  for (int head_dim : {5, 32, 45, 128}) {
    const Case chunk(random, test::ref_table(), head_dim, KvType::kInt8, {0, 9, 100}, {256, 200, 101}, 0);
    const Case::Output out = chunk.run(test::ref_table());
    const Int8Rows quantised(chunk.q, head_dim);
    const auto width = static_cast<size_t>(head_dim), blocks = static_cast<size_t>(head_blocks(head_dim));
    for (size_t i = 0; i < chunk.begin.size(); ++i) {
      std::vector<double> o(width, 0.0);
      double sum = 0.0;
      for (int position = chunk.begin[i]; position < chunk.end[i]; ++position) {
        const auto slot = static_cast<size_t>(position % kPagePositions);
        const Bytes &keys = chunk.key_memory[static_cast<size_t>(position / kPagePositions)],
                    &values = chunk.value_memory[static_cast<size_t>(position / kPagePositions)];
        const auto scale_at = [](const Bytes& page, size_t offset) {
          float scale;
          std::memcpy(&scale, &page[offset], sizeof scale);
          return double{scale};
        };
        const size_t quads = (width + 3) / 4;
        const double key_scale = scale_at(keys, 64 * quads * 4 + 4 * slot);
        double score = 0.0;
        for (size_t d = 0; d < width; ++d) {
          const auto key = static_cast<int8_t>(keys[((slot / 16 * quads + d / 4) * 16 + slot % 16) * 4 + d % 4]);
          EXPECT_NEAR(key * key_scale, chunk.keys[static_cast<size_t>(position) * width + d], key_scale * 0.501);
          score += key * key_scale * quantised.q[i * blocks * 32 + d] * double{quantised.scale[i * blocks + d / 32]};
        }
        const double p = std::exp(score / std::sqrt(static_cast<double>(head_dim)) - out.m[i]);
        sum += p;
        for (size_t d = 0; d < width; ++d) {
          const double scale = scale_at(values, 64 * width + 4 * (slot * blocks + d / 32));
          const double value = static_cast<int8_t>(values[slot * width + d]) * scale;
          EXPECT_NEAR(value, chunk.values[static_cast<size_t>(position) * width + d], scale * 0.501);
          o[d] += p * value;
        }
      }
      EXPECT_NEAR(out.l[i], sum, 1e-5 * sum);
      for (size_t d = 0; d < width; ++d) EXPECT_NEAR(out.o[i * width + d] / out.l[i], o[d] / sum, 1e-5);
    }
  }
}

TEST(Attention, InfinityInInt8KeysAndValuesReachesTheResult) {
  Random random(12);
  for (bool in_key : {true, false}) {
    Case chunk(random, test::ref_table(), 40, KvType::kInt8, {0}, {20}, 0);
    Floats k(40, 1.0f), v(40, 1.0f);
    (in_key ? k : v)[39] = INFINITY;
    test::ref_table().store_kv(k.data(), v.data(), 40, 7, KvType::kInt8, chunk.key_memory[0].data(), chunk.value_memory[0].data());
    const Case::Output out = chunk.run(test::ref_table());
    EXPECT_FALSE(std::isfinite(out.o[39]));
  }
}

TEST(Attention, HalvesSaturate) {
  Floats k = {1e9f, -1e9f, 65519.0f, 65520.0f, -65536.0f, 1.0f};
  Floats v = k;
  std::vector<uint16_t> keys(64 * 6), values(64 * 6);
  test::ref_table().store_kv(k.data(), v.data(), 6, 17, KvType::kF16, keys.data(), values.data());
  const uint16_t expected[6] = {0x7bff, 0xfbff, 0x7bff, 0x7bff, 0xfbff, 0x3c00};
  for (size_t d = 0; d < 6; ++d) {
    EXPECT_EQ(keys[(6 + d) * 16 + 1], expected[d]);
    EXPECT_EQ(values[17 * 6 + d], expected[d]);
  }
}

TEST(Attention, ScalarChunksMatchDoubleArithmetic) {
  Random random(8);
  for (const auto& [begin, end] : shapes(random)) {
    const Case chunk(random, test::ref_table(), 32, KvType::kF32, begin, end, 0);
    const Case::Output out = chunk.run(test::ref_table());
    for (size_t i = 0; i < begin.size(); ++i) {
      std::vector<double> o(32, 0.0);
      double sum = 0.0;
      const int last = std::min(end[i], kAttentionChunk);
      for (int position = begin[i]; position < last; ++position) {
        double score = 0.0;
        for (int d = 0; d < 32; ++d) {
          score += static_cast<double>(chunk.q[i * 32 + static_cast<size_t>(d)]) * chunk.keys[static_cast<size_t>(position * 32 + d)];
        }
        const double p = std::exp(score / std::sqrt(32.0) - out.m[i]);
        sum += p;
        for (int d = 0; d < 32; ++d) o[static_cast<size_t>(d)] += p * chunk.values[static_cast<size_t>(position * 32 + d)];
      }
      if (begin[i] >= last) {
        EXPECT_EQ(out.m[i], -INFINITY);
        EXPECT_EQ(out.l[i], 0.0f);
        continue;
      }
      EXPECT_NEAR(out.l[i], sum, 1e-5 * sum);
      for (size_t d = 0; d < 32; ++d) EXPECT_NEAR(out.o[i * 32 + d] / out.l[i], o[d] / sum, 1e-5);
    }
  }
}

TEST(Attention, FoldedChunksMatchDoubleArithmetic) {
  Random random(9);
  constexpr int kChunks = 3;
  constexpr int kDim = 16;
  const Floats query = random.floats(kDim, 0);
  float m = -INFINITY, l = 0.0f;
  Floats o(kDim, NAN);
  std::vector<double> scores;
  std::vector<Floats> rows;
  for (int i = 0; i < kChunks; ++i) {
    Case chunk(random, test::ref_table(), kDim, KvType::kF32, {10}, {600}, i * kAttentionChunk);
    std::copy(query.begin(), query.end(), chunk.q.begin());
    const Case::Output out = chunk.run(test::ref_table());
    test::ref_table().attention_fold(&m, &l, o.data(), out.m[0], out.l[0], out.o.data(), kDim);
    for (int position = 0; position < kAttentionChunk; ++position) {
      if (!chunk.seen(position)) continue;
      double score = 0.0;
      for (int d = 0; d < kDim; ++d) {
        score += static_cast<double>(query[static_cast<size_t>(d)]) * chunk.keys[static_cast<size_t>(position * kDim + d)];
      }
      scores.push_back(score / 4.0);
      rows.emplace_back(&chunk.values[static_cast<size_t>(position * kDim)], &chunk.values[static_cast<size_t>(position * kDim)] + kDim);
    }
  }
  ASSERT_EQ(scores.size(), 590u);
  const double maximum = *std::max_element(scores.begin(), scores.end());
  std::vector<double> expected(kDim, 0.0);
  double sum = 0.0;
  for (size_t i = 0; i < scores.size(); ++i) {
    sum += std::exp(scores[i] - maximum);
    for (size_t d = 0; d < kDim; ++d) expected[d] += std::exp(scores[i] - maximum) * rows[i][d];
  }
  Floats out(kDim);
  test::ref_table().attention_finish(o.data(), l, kDim, out.data());
  for (size_t d = 0; d < kDim; ++d) EXPECT_NEAR(out[d], expected[d] / sum, 1e-5);
}

}  // namespace
}  // namespace hearth::kernels
