// Logits of tiny random models of several architectures against PyTorch's (tests/goldens/models, written by
// tests/oracle/tiny_models.py): sequences that cross windows, attention chunks of 256 positions and page borders.
//
// Not here: every block format and the real models, which tests/models_test.py and tests/accuracy.py run end to end.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>

#include "hearth/engine.h"

namespace hearth {
namespace {

std::string golden(const std::string& name) { return std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/models/" + name; }

std::vector<int32_t> read_numbers(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return {std::istream_iterator<int32_t>(file), {}};
}

std::vector<float> read_floats(const std::string& path, size_t count) {
  std::vector<float> values(count);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(count * sizeof(float)));
  EXPECT_TRUE(file) << path << " is shorter than " << count << " values";
  return values;
}

// Largest difference over the largest magnitude of one position.
double relative_difference(std::span<const float> expected, std::span<const float> got) {
  double difference = 0, magnitude = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(got[i])) return INFINITY;
    difference = std::max(difference, std::fabs(double{expected[i]} - got[i]));
    magnitude = std::max(magnitude, std::fabs(double{expected[i]}));
  }
  return difference / magnitude;
}

struct Bound {
  std::string kind;  // "relative": from float32 at the worst position; "contract": from rounded activations at the median
  double value = 0;
};

Bound read_bound(const std::string& model) {
  Bound bound;
  std::ifstream file(golden(model + ".bound"));
  file >> bound.kind >> bound.value;
  EXPECT_TRUE(bound.kind == "relative" || bound.kind == "contract") << model;
  return bound;
}

// Every position's logits, [positions][vocabulary].
std::map<int64_t, std::vector<float>> run(const Engine& engine, std::span<const int32_t> ids, int chunk) {
  std::map<int64_t, std::vector<float>> logits;
  auto session = engine.new_session();
  EXPECT_TRUE(session.ok());
  if (!session.ok()) return logits;
  const auto done = session.value()->append_all_logits(
      ids, [&](int64_t index, std::span<const float> row) { logits[index] = {row.begin(), row.end()}; }, chunk);
  EXPECT_TRUE(done.ok()) << (done.ok() ? "" : done.error().message);
  return logits;
}

class TinyModels : public testing::TestWithParam<std::string> {
 protected:
  void check(const std::string& isa, int chunk) {
    LoadOptions options;
    options.path = golden(GetParam() + ".gguf");
    options.kv_type = "f32";
    options.isa = isa;
    auto engine = Engine::load(options);
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    const Bound bound = read_bound(GetParam());
    for (const char* sequence : {".0", ".1"}) {
      const std::string stem = GetParam() + sequence;
      const std::vector<int32_t> positions = read_numbers(golden(stem + ".positions"));
      const auto vocabulary = static_cast<size_t>(engine.value()->info().vocabulary);
      const std::string kind = bound.kind == "relative" ? ".logits" : ".contract";
      const std::vector<float> expected = read_floats(golden(stem + kind), positions.size() * vocabulary);
      const auto logits = run(*engine.value(), read_numbers(golden(stem + ".ids")), chunk);
      std::vector<double> differences;
      for (size_t i = 0; i < positions.size(); ++i) {
        ASSERT_EQ(logits.count(positions[i]), 1u);
        differences.push_back(relative_difference({expected.data() + i * vocabulary, vocabulary}, logits.at(positions[i])));
      }
      std::sort(differences.begin(), differences.end());
      const double value = bound.kind == "relative" ? differences.back() : differences[differences.size() / 2];
      EXPECT_LE(value, bound.value) << stem << " isa '" << isa << "' chunk " << chunk;
    }
  }
};

TEST_P(TinyModels, AgreesWithPyTorch) { check("", 0); }
TEST_P(TinyModels, AgreesWithPyTorchTokenByToken) { check("", 1); }
TEST_P(TinyModels, ScalarTableAgreesWithPyTorch) { check("ref", 64); }

INSTANTIATE_TEST_SUITE_P(Goldens, TinyModels,
                         testing::Values("llama-grouped", "llama-rope-scaled", "qwen2", "gemma3", "llama-mixed"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace hearth
