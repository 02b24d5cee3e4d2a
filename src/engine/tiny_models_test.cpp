// Logits of tiny random models of several architectures against PyTorch's (tests/goldens/models, written by
// tests/oracle/tiny_models.py): sequences that cross windows, attention chunks of 256 positions and page borders.
//
// Not here: every block format and the real models, which tests/models_test.py and tests/accuracy.py run end to end.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "engine/tiny_goldens.h"
#include "hearth/engine.h"

namespace hearth {
namespace {

using namespace tiny_goldens;

struct Bound {
  std::string kind;  // "relative": from float32 at the worst position; "contract": from rounded activations at the median
  double value = 0;
};

Bound read_bound(const std::string& model) {
  Bound bound;
  std::ifstream file(golden_model(model + ".bound"));
  file >> bound.kind >> bound.value;
  EXPECT_TRUE(bound.kind == "relative" || bound.kind == "contract") << model;
  return bound;
}

class TinyModels : public testing::TestWithParam<std::string> {
 protected:
  void check(const std::string& isa, int chunk) {
    LoadOptions options;
    options.path = golden_model(GetParam() + ".gguf");
    options.kv_type = "f32";
    options.isa = isa;
    auto engine = Engine::load(options);
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    const Bound bound = read_bound(GetParam());
    for (const char* sequence : {".0", ".1"}) {
      const std::string stem = GetParam() + sequence;
      const std::vector<int32_t> positions = read_numbers(golden_model(stem + ".positions"));
      const auto vocabulary = static_cast<size_t>(engine.value()->info().vocabulary);
      const std::string kind = bound.kind == "relative" ? ".logits" : ".contract";
      const std::vector<float> expected = read_floats(golden_model(stem + kind), positions.size() * vocabulary);
      const auto session = engine.value()->new_session();
      ASSERT_TRUE(session.ok());
      const auto logits = logits_of(**session, read_numbers(golden_model(stem + ".ids")), chunk);
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
