// Ops of the CPU backend: against naive double arithmetic, and the same bits for every number of threads and tokens.
#include "backend/cpu/cpu_backend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "kernels/kv_page.h"
#include "kernels/select.h"
#include "quant/traits.h"

namespace hearth::backend {
namespace {

using quant::Format;

CpuLimits small_limits() {
  CpuLimits limits;
  limits.max_tokens = 40;
  limits.max_columns = 512;
  limits.max_heads = 6;
  limits.max_head_dim = 32;
  limits.max_group = 3;
  limits.max_runs = 3;
  limits.adapters = true;
  return limits;
}

struct Machine {
  explicit Machine(int threads)
      : pool(ThreadPool::Options{threads, false, [](int) { kernels::set_float_environment(); }}) {
    auto created = CpuBackend::create(kernels::best_table(), pool, small_limits());
    EXPECT_TRUE(created.ok());
    backend = std::move(created).value();
  }
  ThreadPool pool;
  std::unique_ptr<CpuBackend> backend;
};

std::vector<float> random_values(int64_t count, int seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(engine);
  return values;
}

struct Matrix {
  Matrix(Format format, int64_t rows, int64_t columns, int seed) {
    const quant::FormatTraits& traits = quant::traits(format);
    const std::vector<float> values = random_values(rows * columns, seed);
    tensor.format = format;
    tensor.rows = rows;
    tensor.columns = columns;
    tensor.row_bytes = columns / traits.block_values * traits.block_bytes;
    bytes.resize(rows * tensor.row_bytes);
    exact.resize(rows * columns);
    for (int64_t r = 0; r < rows; ++r) {
      traits.encode_row(values.data() + r * columns, columns, bytes.data() + r * tensor.row_bytes);
      traits.decode_row(bytes.data() + r * tensor.row_bytes, columns, exact.data() + r * columns);
    }
    tensor.data = bytes.data();
  }
  Tensor tensor;
  std::vector<std::byte> bytes;
  std::vector<float> exact;  // [rows, columns]
};

// An Activation with its own memory.
struct Owned {
  Owned(int64_t tokens, int64_t width, bool quantised) : x(tokens * width), q(tokens * width) {
    scale.resize(tokens * width / 32 + 1);
    scale_sum.resize(scale.size());
    half_sum.resize(2 * scale.size());
    view = {width, quantised, x.data(), q.data(), scale.data(), half_sum.data(), scale_sum.data()};
  }
  std::vector<float> x;
  std::vector<int8_t> q;
  std::vector<float> scale, scale_sum;
  std::vector<int32_t> half_sum;
  Activation view;
};

std::vector<float> multiply(Machine& machine, const Matrix& weight, const std::vector<float>& x, int64_t tokens,
                            const std::vector<float>& bias) {
  const std::vector<float> ones(weight.tensor.columns, 1.0f);
  Owned in(tokens, weight.tensor.columns, !tensor::is_float(weight.tensor.format));
  EXPECT_TRUE(machine.backend->norm_quantise(x.data(), ones.data(), 0.0f, tokens, in.view).ok());
  std::vector<float> out(tokens * weight.tensor.rows);
  const LinearJob job{&weight.tensor, bias.data(), out.data()};
  machine.backend->linear_store(in.view, tokens, {&job, 1});
  return out;
}

TEST(CpuBackend, LinearIsTheProductForEveryFormatAndSameForAnyThreadsAndTokens) {
  Machine one(1), three(3);
  for (Format format : {Format::kF32, Format::kF16, Format::kBF16, Format::kQ4_0, Format::kQ8_0, Format::kQ4_K,
                        Format::kQ6_K}) {
    const int64_t columns = tensor::is_float(format) ? 172 : 512, rows = 75, tokens = 9;
    const Matrix weight(format, rows, columns, 1);
    const std::vector<float> x = random_values(tokens * columns, 2), bias = random_values(rows, 3);
    const std::vector<float> out = multiply(one, weight, x, tokens, bias);
    EXPECT_EQ(multiply(three, weight, x, tokens, bias), out) << quant::traits(format).name;
    for (int64_t t = 0; t < tokens; ++t) {
      const std::vector<float> row(x.begin() + t * columns, x.begin() + (t + 1) * columns);
      const std::vector<float> alone = multiply(three, weight, row, 1, bias);
      EXPECT_EQ(std::memcmp(alone.data(), out.data() + t * rows, rows * sizeof(float)), 0) << quant::traits(format).name;
      double mean = 0;
      for (float value : row) mean += double{value} * value / columns;
      for (int64_t r = 0; r < rows; ++r) {
        double sum = bias[r], size = 0;
        for (int64_t c = 0; c < columns; ++c) {
          const double product = weight.exact[r * columns + c] * (row[c] / std::sqrt(mean));
          sum += product;
          size += std::abs(product);
        }
        EXPECT_NEAR(alone[r], sum, size * (tensor::is_float(format) ? 1e-6 : 4e-3)) << quant::traits(format).name;
      }
    }
  }
}

TEST(CpuBackend, RefinedRowsAreAlmostExactAndOthersKeepTheirBits) {
  Machine machine(3);
  const int64_t columns = 512, rows = 75, tokens = 9;
  const std::vector<int32_t> refined = {2, 3, 7};
  const std::vector<float> ones(columns, 1.0f), x = random_values(tokens * columns, 22), bias = random_values(rows, 23);
  for (Format format : {Format::kQ8_0, Format::kQ4_K, Format::kF16}) {
    const Matrix weight(format, rows, columns, 21);
    const std::vector<float> plain = multiply(machine, weight, x, tokens, bias);
    const int64_t all = tokens + static_cast<int64_t>(refined.size());
    Owned in(all, columns, true);
    in.view.refined = refined;
    ASSERT_TRUE(machine.backend->norm_quantise(x.data(), ones.data(), 0.0f, tokens, in.view).ok());
    std::vector<float> out(tokens * rows), added(tokens * rows);
    const LinearJob job{&weight.tensor, bias.data(), out.data()};
    machine.backend->linear_store(in.view, tokens, {&job, 1});
    machine.backend->linear_add(in.view, tokens, {&weight.tensor, bias.data(), added.data()});
    EXPECT_EQ(added, out);
    for (int64_t t = 0; t < tokens; ++t) {
      const bool fine = std::find(refined.begin(), refined.end(), t) != refined.end();
      const bool same = std::memcmp(plain.data() + t * rows, out.data() + t * rows, rows * sizeof(float)) == 0;
      EXPECT_EQ(same, !fine || tensor::is_float(format)) << quant::traits(format).name << t;
      for (int64_t r = 0; fine && r < rows; ++r) {
        double sum = bias[r], size = 0;
        for (int64_t c = 0; c < columns; ++c) {
          sum += double{weight.exact[r * columns + c]} * in.x[t * columns + c];
          size += std::abs(double{weight.exact[r * columns + c]} * in.x[t * columns + c]);
        }
        EXPECT_NEAR(out[t * rows + r], sum, size * 2e-5) << quant::traits(format).name;
      }
    }
  }
}

TEST(CpuBackend, GateAndResidualAreWhatTheyAreMadeOf) {
  Machine machine(2);
  const int64_t columns = 256, width = 96, tokens = 5;
  const Matrix gate(Format::kQ8_0, width, columns, 4), up(Format::kQ4_0, width, columns, 5);
  const Matrix down(Format::kQ8_0, columns, width, 6);
  const std::vector<float> ones(columns, 1.0f), x = random_values(tokens * columns, 7);
  Owned in(tokens, columns, true), gated(tokens, width, true);
  ASSERT_TRUE(machine.backend->norm_quantise(x.data(), ones.data(), 0.0f, tokens, in.view).ok());
  std::vector<float> g(tokens * width), u(tokens * width);
  const LinearJob jobs[] = {{&gate.tensor, nullptr, g.data()}, {&up.tensor, nullptr, u.data()}};
  machine.backend->linear_store(in.view, tokens, jobs);
  ASSERT_TRUE(machine.backend->linear_gate(in.view, tokens, {&gate.tensor, &up.tensor, Gate::kSilu}, gated.view).ok());
  for (size_t i = 0; i < g.size(); ++i) {
    EXPECT_NEAR(gated.x[i], g[i] / (1 + std::exp(-double{g[i]})) * u[i], 1e-5 * std::abs(g[i] * u[i]) + 1e-6);
  }
  std::vector<float> stored(tokens * columns), added = x;
  const LinearJob store{&down.tensor, nullptr, stored.data()};
  machine.backend->linear_store(gated.view, tokens, {&store, 1});
  machine.backend->linear_add(gated.view, tokens, {&down.tensor, nullptr, added.data()});
  for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(added[i], x[i] + stored[i]);
}

// Two adapters on some of the tokens, one of them of a rank that is no multiple of 32.
TEST(CpuBackend, LowRankTermsAreAddedToTheirTokensOnly) {
  const int64_t columns = 172, rows = 75, tokens = 40;
  const Matrix weight(Format::kF16, rows, columns, 1), gate(Format::kF32, rows, columns, 8);
  const Matrix down_a(Format::kF32, 5, columns, 2), up_a(Format::kF16, rows, 5, 3);
  const Matrix down_b(Format::kBF16, 64, columns, 4), up_b(Format::kF32, rows, 64, 5);
  const std::vector<float> bias = random_values(rows, 6), before = random_values(tokens * rows, 7);
  std::vector<std::vector<float>> seen;
  for (const int threads : {1, 3}) {
    Machine machine(threads);
    Owned in(tokens, columns, false), gated(tokens, rows, false);
    in.x = random_values(tokens * columns, 9);
    in.view.x = in.x.data();
    std::vector<float> low_a(30 * 5), low_b(3 * 64), plain(tokens * rows), stored(tokens * rows), added = before;
    const LowRankJob jobs[] = {{&down_a.tensor, 0.5f, 4, 30, low_a.data()}, {&down_b.tensor, -2.0f, 20, 3, low_b.data()}};
    machine.backend->low_rank(in.view, jobs);
    const LowRankTerm terms[] = {{&up_a.tensor, low_a.data(), 4, 30}, {&up_b.tensor, low_b.data(), 20, 3}};
    const LinearJob without{&weight.tensor, bias.data(), plain.data()}, with{&weight.tensor, bias.data(), stored.data(), terms};
    machine.backend->linear_store(in.view, tokens, {&without, 1});
    machine.backend->linear_store(in.view, tokens, {&with, 1});
    machine.backend->linear_add(in.view, tokens, {&weight.tensor, bias.data(), added.data(), terms});
    ASSERT_TRUE(machine.backend->linear_gate(in.view, tokens, {&gate.tensor, &weight.tensor, Gate::kSilu, {}, terms}, gated.view).ok());
    const auto product = [&](const Matrix& up, const Matrix& down, int64_t t, int64_t row) {
      double sum = 0;
      for (int64_t r = 0; r < down.tensor.rows; ++r) {
        double low = 0;
        for (int64_t c = 0; c < columns; ++c) low += double{down.exact[r * columns + c]} * in.x[t * columns + c];
        sum += up.exact[row * down.tensor.rows + r] * low;
      }
      return sum;
    };
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t row = 0; row < rows; ++row) {
        const int64_t at = t * rows + row;
        double expected = plain[at];
        if (t >= 4 && t < 34) expected += 0.5 * product(up_a, down_a, t, row);
        if (t >= 20 && t < 23) expected += -2.0 * product(up_b, down_b, t, row);
        EXPECT_NEAR(stored[at], expected, 1e-5 * std::abs(expected) + 2e-3) << t << " " << row;
        if (t < 4 || t >= 34) {
          EXPECT_EQ(stored[at], plain[at]);
        }
        EXPECT_EQ(added[at], before[at] + stored[at]);
      }
    }
    seen.push_back(stored);
    seen.back().insert(seen.back().end(), gated.x.begin(), gated.x.end());
  }
  EXPECT_EQ(std::memcmp(seen[0].data(), seen[1].data(), seen[0].size() * sizeof(float)), 0);
}

TEST(CpuBackend, InfinityIsAnErrorThatNamesTheOp) {
  Machine machine(1);
  const std::vector<float> ones(64, 1.0f);
  std::vector<float> x(64, 1.0f);
  x[7] = std::numeric_limits<float>::infinity();
  for (bool quantised : {false, true}) {
    Owned out(1, 64, quantised);
    const auto result = machine.backend->norm_quantise(x.data(), ones.data(), 1e-5f, 1, out.view);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kNumeric);
    EXPECT_NE(result.error().message.find("the norm"), std::string::npos);
  }
}

// Keys and values of `positions` positions for 2 heads of 32, in pages.
struct Pages {
  Pages(int64_t positions, kernels::KvType type, std::vector<float> key_values, std::vector<float> values)
      : k(std::move(key_values)), v(std::move(values)) {
    layout.type = type;
    layout.key_bytes = kernels::key_page_bytes(type, 32);
    layout.head_bytes = layout.key_bytes + kernels::value_page_bytes(type, 32);
    const int64_t pages = (positions + kernels::kPagePositions - 1) / kernels::kPagePositions;
    memory.resize(pages * 2 * layout.head_bytes);
    for (int64_t i = 0; i < pages; ++i) table.push_back(memory.data() + i * 2 * layout.head_bytes);
  }
  KvLayout layout;
  std::vector<float> k, v;  // [positions, 2, 32]
  std::vector<std::byte> memory;
  std::vector<std::byte*> table;
};

AttentionShape attention_shape(int window) {
  AttentionShape shape;
  shape.heads = 6;
  shape.kv_heads = 2;
  shape.head_dim = 32;
  shape.window = window;
  shape.scale = 0.2f;
  return shape;
}

// Attention of the last `tokens` of `positions` positions, appended in one op.
std::vector<float> attend(Machine& machine, const std::vector<float>& q, Pages& pages, int positions, int tokens,
                          const AttentionShape& shape) {
  const Rope none;
  for (int first = 0; first < positions; first += 40) {
    const int count = std::min(40, positions - first);
    std::vector<float> queries(count * 192), keys(pages.k.begin() + first * 64, pages.k.begin() + (first + count) * 64);
    const AttentionRun run{0, count, first, pages.table.data()};
    machine.backend->attention_store(queries.data(), keys.data(), pages.v.data() + first * 64, {&run, 1}, shape, none, pages.layout);
  }
  Owned out(tokens, 192, false);
  const AttentionRun run{0, tokens, positions - tokens, pages.table.data()};
  EXPECT_TRUE(machine.backend->attention(q.data(), {&run, 1}, tokens, shape, pages.layout, out.view).ok());
  return out.x;
}

std::vector<double> naive_attention(const std::vector<float>& q, const Pages& pages, int position, int head,
                                    const AttentionShape& shape, int row) {
  const int kv_head = head / 3;
  std::vector<double> weights, out(32, 0.0);
  double total = 0;
  const int begin = shape.window > 0 ? std::max(0, position - shape.window + 1) : 0;
  for (int p = begin; p <= position; ++p) {
    double score = 0;
    for (int d = 0; d < 32; ++d) score += double{q[row * 192 + head * 32 + d]} * pages.k[p * 64 + kv_head * 32 + d];
    weights.push_back(std::exp(score * shape.scale));
    total += weights.back();
  }
  for (int p = begin; p <= position; ++p) {
    for (int d = 0; d < 32; ++d) out[d] += weights[p - begin] / total * pages.v[p * 64 + kv_head * 32 + d];
  }
  return out;
}

// `tolerance`: what rounding keys, values and queries may cost.
void check_attention(kernels::KvType type, double tolerance) {
  Machine one(1), three(3);
  const int positions = 700, tokens = 20;
  const std::vector<float> q = random_values(tokens * 192, 8);
  for (int window : {0, 300, 5}) {
    const AttentionShape shape = attention_shape(window);
    Pages pages(positions, type, random_values(positions * 64, 9), random_values(positions * 64, 10));
    const std::vector<float> whole = attend(one, q, pages, positions, tokens, shape);
    EXPECT_EQ(attend(three, q, pages, positions, tokens, shape), whole);
    // One token sees several chunks: with three threads they are computed apart and folded.
    const std::vector<float> last(q.end() - 192, q.end());
    const std::vector<float> split = attend(three, last, pages, positions, 1, shape);
    EXPECT_EQ(std::memcmp(split.data(), whole.data() + (tokens - 1) * 192, 192 * sizeof(float)), 0) << window;
    for (int row = 0; row < tokens; row += 19) {
      for (int head = 0; head < 6; ++head) {
        const auto expected = naive_attention(q, pages, positions - tokens + row, head, shape, row);
        for (int d = 0; d < 32; ++d) EXPECT_NEAR(whole[row * 192 + head * 32 + d], expected[d], tolerance) << window;
      }
    }
  }
}

TEST(CpuBackend, AttentionIsSoftmaxAndSameForAnyThreadsAndTokens) { check_attention(kernels::KvType::kF32, 2e-6); }
TEST(CpuBackend, AttentionWithHalvesToo) { check_attention(kernels::KvType::kF16, 2e-3); }
TEST(CpuBackend, AttentionWithInt8Too) { check_attention(kernels::KvType::kInt8, 0.05); }

// One session far longer than the others has its chunks shared out, and nobody's bits change.
TEST(CpuBackend, AttentionOfALongSessionAmongShortOnes) {
  Machine one(1), three(3);
  const AttentionShape shape = attention_shape(0);
  Pages pages(700, kernels::KvType::kF16, random_values(700 * 64, 14), random_values(700 * 64, 15));
  const std::vector<float> q = random_values(9 * 192, 16);
  attend(three, q, pages, 700, 1, shape);  // stores all positions
  const AttentionRun runs[] = {{0, 1, 10, pages.table.data()}, {1, 5, 695, pages.table.data()},
                               {6, 2, 255, pages.table.data()}, {8, 1, 0, pages.table.data()}};
  Owned together(9, 192, false), whole(9, 192, false);
  ASSERT_TRUE(three.backend->attention(q.data(), runs, 9, shape, pages.layout, together.view).ok());
  ASSERT_TRUE(one.backend->attention(q.data(), runs, 9, shape, pages.layout, whole.view).ok());
  EXPECT_EQ(together.x, whole.x);
  for (const AttentionRun& run : runs) {
    Owned alone(run.count, 192, false);
    const AttentionRun moved{0, run.count, run.start, run.pages};
    ASSERT_TRUE(three.backend->attention(&q[run.first * 192], {&moved, 1}, run.count, shape, pages.layout, alone.view).ok());
    EXPECT_TRUE(std::equal(alone.x.begin(), alone.x.end(), &together.x[run.first * 192])) << run.start;
  }
}

TEST(CpuBackend, InfinityInAQueryIsAnErrorWithInt8Keys) {
  Machine machine(1);
  Pages pages(64, kernels::KvType::kInt8, random_values(64 * 64, 11), random_values(64 * 64, 12));
  const AttentionShape shape = attention_shape(0);
  attend(machine, random_values(192, 13), pages, 40, 1, shape);
  std::vector<float> q = random_values(192, 13);
  q[70] = std::numeric_limits<float>::infinity();
  Owned out(1, 192, true);
  const AttentionRun run{0, 1, 39, pages.table.data()};
  const auto result = machine.backend->attention(q.data(), {&run, 1}, 1, shape, pages.layout, out.view);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kNumeric);
}

}  // namespace
}  // namespace hearth::backend
