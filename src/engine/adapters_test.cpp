// Adapters on tiny models: logits against PEFT's (tests/goldens/adapters, written by tests/oracle/adapter_goldens.py), the same
// bits whoever shares a batch, and which sets are accepted.
//
// Not here: what files are refused (model/adapter_test.cpp), answers made together (serving/service_adapters_test.cpp).
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "engine/tiny_goldens.h"
#include "hearth/engine.h"

namespace hearth {
namespace {

using namespace tiny_goldens;

std::string adapter_golden(const std::string& name) {
  return std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/adapters/" + name;
}

std::unique_ptr<Engine> load_adapted(const std::string& model, const std::string& isa = "", int sessions = 1, int threads = 2) {
  LoadOptions options;
  options.path = golden_model(model + ".gguf");
  options.kv_type = "f32";
  options.isa = isa;
  options.max_sessions = sessions;
  options.threads = threads;
  options.adapters = {{adapter_golden(model + ".one.gguf"), 1.0f}, {adapter_golden(model + ".two.gguf"), 0.5f}};
  auto engine = Engine::load(options);
  EXPECT_TRUE(engine.ok()) << engine.error().message;
  return engine.ok() ? std::move(engine).value() : nullptr;
}

std::unique_ptr<Engine> load_plain(const std::string& model, int sessions = 1) {
  LoadOptions options;
  options.path = golden_model(model + ".gguf");
  options.kv_type = "f32";
  options.max_sessions = sessions;
  options.threads = 2;
  return std::move(Engine::load(options)).value();
}

class AdaptedModels : public testing::TestWithParam<std::string> {
 protected:
  // Float weights at the worst position; quantised ones at the median one, from activations rounded as the contract says.
  void check(const Engine& engine, const AdapterSet& set, const std::string& kind, const std::string& sequence, int chunk) {
    const bool quantised = std::filesystem::exists(adapter_golden(GetParam() + "." + kind + ".contract"));
    const std::string stem = GetParam() + sequence;
    const std::vector<int32_t> positions = read_numbers(golden_model(stem + ".positions"));
    const auto vocabulary = static_cast<size_t>(engine.info().vocabulary);
    const std::string file = adapter_golden(GetParam() + "." + kind + (quantised ? ".contract" : ".logits"));
    const std::vector<float> expected = read_floats(file, positions.size() * vocabulary);
    const auto session = engine.new_session(set);
    ASSERT_TRUE(session.ok()) << session.error().message;
    const auto logits = logits_of(**session, read_numbers(golden_model(stem + ".ids")), chunk);
    std::vector<double> differences;
    for (size_t i = 0; i < positions.size(); ++i) {
      ASSERT_EQ(logits.count(positions[i]), 1u);
      differences.push_back(relative_difference({expected.data() + i * vocabulary, vocabulary}, logits.at(positions[i])));
    }
    std::sort(differences.begin(), differences.end());
    EXPECT_LE(quantised ? differences[differences.size() / 2] : differences.back(), quantised ? 1e-5 : 1e-4)
        << file << " chunk " << chunk;
  }
  void check_all(const std::string& isa, int chunk) {
    const auto engine = load_adapted(GetParam(), isa);
    ASSERT_NE(engine, nullptr);
    check(*engine, engine->default_adapters(), "both", ".0", chunk);
    check(*engine, {{0, -0.75f}}, "one", ".1", chunk);
  }
};

TEST_P(AdaptedModels, AgreeWithPeft) { check_all("", 0); }
TEST_P(AdaptedModels, AgreeWithPeftTokenByToken) { check_all("", 1); }
TEST_P(AdaptedModels, ScalarTableAgreesWithPeft) { check_all("ref", 64); }

using Rows = std::map<int64_t, std::vector<float>>;

Rows alone(const Engine& engine, const AdapterSet& set, std::span<const int32_t> ids, int chunk = 0) {
  const auto session = engine.new_session(set);
  EXPECT_TRUE(session.ok());
  return logits_of(**session, ids, chunk);
}

// NaN is never equal to itself, so bytes are compared.
bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

bool same_rows(const Rows& a, const Rows& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& row) { return same_bits(row.second, b.at(row.first)); });
}

TEST_P(AdaptedModels, SameBitsForAnyTableThreadsAndChunks) {
  std::vector<int32_t> ids = read_numbers(golden_model(GetParam() + ".0.ids"));
  ids.resize(70);
  const AdapterSet set = {{0, 0.7f}, {1, -1.3f}};
  const Rows expected = alone(*load_adapted(GetParam(), "ref", 1, 1), set, ids, 33);
  for (const char* isa : {"ref", "avx2", "avxvnni", "avx512", ""}) {
    LoadOptions probe;
    probe.path = golden_model(GetParam() + ".gguf");
    probe.isa = isa;
    if (!Engine::plan(probe).ok()) continue;  // this processor cannot run it
    const bool slow = std::string(isa) == "ref";
    for (const int threads : slow ? std::vector<int>{3} : std::vector<int>{1, 3}) {
      const auto engine = load_adapted(GetParam(), isa, 1, threads);
      for (const int chunk : slow ? std::vector<int>{7} : std::vector<int>{1, 7, 64, 0}) {
        EXPECT_TRUE(same_rows(alone(*engine, set, ids, chunk), expected)) << isa << ", " << threads << " threads, chunk " << chunk;
      }
    }
  }
}

TEST_P(AdaptedModels, WithoutScaleTheBitsAreTheModels) {
  const std::vector<int32_t> ids = read_numbers(golden_model(GetParam() + ".1.ids"));
  const Rows expected = alone(*load_plain(GetParam()), {}, ids);
  const auto engine = load_adapted(GetParam());
  EXPECT_TRUE(same_rows(alone(*engine, {}, ids), expected));
  EXPECT_TRUE(same_rows(alone(*engine, {{0, 0.0f}, {1, 0.0f}}, ids), expected));
  EXPECT_FALSE(same_rows(alone(*engine, {{1, 0.01f}}, ids), expected));
}

// Sessions with different sets, and some without, go through the model in the same steps: prompts in pieces, then single tokens.
TEST_P(AdaptedModels, OthersInTheBatchCannotBeSeen) {
  const std::vector<AdapterSet> sets = {{}, {{0, 1.0f}}, {{0, 1.0f}}, {}, {{1, 2.0f}}, {{0, 0.5f}, {1, -1.0f}}, {{1, 2.0f}}, {{0, 1.0f}}, {}};
  const std::vector<int32_t> ids = read_numbers(golden_model(GetParam() + ".0.ids"));
  const auto engine = load_adapted(GetParam(), "", static_cast<int>(sets.size()));
  std::vector<Rows> expected;
  for (size_t i = 0; i < sets.size(); ++i) {
    expected.push_back(alone(*engine, sets[i], std::span(ids).subspan(i, 60)));
  }
  std::vector<std::unique_ptr<Session>> sessions;
  for (const AdapterSet& set : sets) sessions.push_back(std::move(engine->new_session(set)).value());
  for (int64_t step = 0; sessions[0]->size() < 60; ++step) {
    std::vector<Engine::StepItem> items;
    for (size_t i = 0; i < sessions.size(); ++i) {
      const auto done = static_cast<size_t>(sessions[i]->size());
      const size_t count = step < 3 ? 1 + (i * 5 + static_cast<size_t>(step)) % 17 : 1;
      if (done < 60) items.push_back({sessions[i].get(), std::span(ids).subspan(i + done, std::min(count, 60 - done))});
    }
    const auto stepped = engine->step(items);
    ASSERT_TRUE(stepped.ok()) << stepped.error().message;
    for (size_t i = 0; i < sessions.size(); ++i) {
      EXPECT_TRUE(same_bits(sessions[i]->logits(), expected[i].at(sessions[i]->size() - 1))) << "session " << i << " step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, AdaptedModels, testing::Values("llama-grouped", "qwen2", "gemma3", "llama-mixed"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(EngineAdapters, SetsAreCheckedAndOrdered) {
  const auto engine = load_adapted("qwen2", "", 3);
  const auto set = engine->adapter_set(std::vector<AdapterScale>{{1, 2.0f}, {0, 0.5f}});
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(*set, (AdapterSet{{0, 0.5f}, {1, 2.0f}}));
  EXPECT_EQ(*engine->adapter_set(std::vector<AdapterScale>{{1, 0.0f}}), AdapterSet{});
  EXPECT_EQ(engine->default_adapters(), (AdapterSet{{0, 1.0f}, {1, 0.5f}}));
  for (const std::vector<AdapterScale>& bad : std::vector<std::vector<AdapterScale>>{
           {{2, 1.0f}}, {{-1, 1.0f}}, {{0, 1.0f}, {0, 1.0f}}, {{0, INFINITY}}, {{1, NAN}}}) {
    const auto refused = engine->new_session(bad);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(refused.error().message.find("adapter " + std::to_string(bad[0].id)), std::string::npos) << refused.error().message;
  }
  const auto session = engine->new_session(*set);
  const std::vector<int32_t> ids = {1, 2, 3};
  ASSERT_TRUE((*session)->append(ids).ok());
  const auto fork = (*session)->fork(2);
  ASSERT_TRUE(fork.ok());
  EXPECT_EQ((*fork)->adapters(), *set);
  ASSERT_TRUE((*fork)->append(std::span(ids).subspan(2)).ok());
  EXPECT_TRUE(same_bits((*fork)->logits(), (*session)->logits()));
}

TEST(EngineAdapters, AreToldAndPlanned) {
  LoadOptions options;
  options.path = golden_model("gemma3.gguf");
  const MemoryPlan without = *Engine::plan(options);
  options.adapters = {{adapter_golden("gemma3.one.gguf"), 1.0f}, {adapter_golden("gemma3.two.gguf"), 0.25f}};
  const MemoryPlan plan = *Engine::plan(options);
  const auto engine = load_adapted("gemma3");
  ASSERT_EQ(engine->adapters().size(), 2u);
  const AdapterInfo& two = engine->adapters()[1];
  EXPECT_EQ(two.name, "tiny gemma3.two");
  EXPECT_EQ(two.rank, 3);
  EXPECT_EQ(two.alpha, 16.0);
  EXPECT_EQ(two.scale, 0.5f);
  EXPECT_EQ(two.sha256.size(), 64u);
  EXPECT_EQ(without.adapter_bytes, 0);
  EXPECT_EQ(plan.adapter_bytes, engine->adapters()[0].bytes + two.bytes);
  EXPECT_GT(plan.scratch_bytes, without.scratch_bytes);
  EXPECT_EQ(plan.parts.back().part, "adapter tiny gemma3.two");
  EXPECT_EQ(plan.parts.back().bytes, two.bytes);
}

TEST(EngineAdapters, AnotherModelsAdapterIsRefused) {
  LoadOptions options;
  options.path = golden_model("qwen2.gguf");
  options.adapters = {{adapter_golden("gemma3.one.gguf"), 1.0f}};
  const auto refused = Engine::load(options);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("architecture"), std::string::npos) << refused.error().message;
  options.adapters = {{golden_model("qwen2.gguf"), 1.0f}};
  EXPECT_NE(Engine::load(options).error().message.find("general.type"), std::string::npos);
  options.adapters = {{adapter_golden("absent.gguf"), 1.0f}};
  EXPECT_EQ(Engine::load(options).error().code, ErrorCode::kNotFound);
  options.adapters = {{adapter_golden("qwen2.one.gguf"), INFINITY}};
  EXPECT_EQ(Engine::load(options).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hearth
