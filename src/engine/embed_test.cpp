// Embeddings of tiny models against transformers (NAME.N.pooled: mean, first and last), alone and among answers.
#include "engine/embed.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <future>
#include <iterator>

#include "engine/serving/service.h"

namespace hearth {
namespace {

std::string golden(const std::string& name) { return std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/models/" + name; }

std::vector<int32_t> read_ids(const std::string& stem) {
  std::ifstream file(golden(stem + ".ids"));
  return {std::istream_iterator<int32_t>(file), {}};
}

std::vector<float> read_pooled(const std::string& stem, Pooling pooling, int64_t width) {
  std::vector<float> values(static_cast<size_t>(width));
  std::ifstream file(golden(stem + ".pooled"), std::ios::binary);
  file.seekg(static_cast<int64_t>(pooling) * width * static_cast<int64_t>(sizeof(float)));
  file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  EXPECT_TRUE(file) << stem;
  return values;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double product = 0, square_a = 0, square_b = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    product += double{a[i]} * b[i];
    square_a += double{a[i]} * a[i];
    square_b += double{b[i]} * b[i];
  }
  return product / std::sqrt(square_a * square_b);
}

double length(const std::vector<float>& a) {
  double square = 0;
  for (const float value : a) square += double{value} * value;
  return std::sqrt(square);
}

std::unique_ptr<Engine> load(const std::string& model, int sessions = 1, int threads = 0) {
  LoadOptions options;
  options.path = golden(model + ".gguf");
  options.max_sessions = sessions;
  options.threads = threads;
  options.kv_type = "f32";
  auto engine = Engine::load(options);
  EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : engine.error().message);
  return engine.ok() ? std::move(engine).value() : nullptr;
}

std::vector<float> embed_alone(const Engine& engine, const std::vector<int32_t>& ids) {
  auto session = engine.new_session();
  EXPECT_TRUE(session.ok());
  const auto result = embed(engine, **session, ids);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.ok() ? *result : std::vector<float>();
}

TEST(Embed, AgreesWithTransformers) {
  for (const std::string model : {"llama-grouped", "llama-rope-scaled", "qwen2", "gemma3"}) {
    const auto engine = load(model);
    // One of the files says that the last state stands for the text; the others say nothing.
    EXPECT_EQ(engine->info().pooling, model == "llama-rope-scaled" ? "last" : "mean");
    const Pooling pooling = *pooling_of(engine->info());
    for (const char* sequence : {".0", ".1"}) {
      const std::vector<float> got = embed_alone(*engine, read_ids(model + sequence));
      const std::vector<float> expected = read_pooled(model + sequence, pooling, engine->info().embedding);
      ASSERT_EQ(got.size(), expected.size());
      EXPECT_GE(cosine(got, expected), 0.999999) << model << sequence;
      EXPECT_NEAR(length(got) / length(expected), 1, 1e-4) << model << sequence;
    }
  }
}

TEST(Embed, FirstAndLastStatesAreThoseOfTransformers) {
  const auto engine = load("qwen2");
  const std::vector<int32_t> ids = read_ids("qwen2.1");
  for (const Pooling pooling : {Pooling::kMean, Pooling::kFirst, Pooling::kLast}) {
    auto session = engine->new_session();
    Pooler pooler(pooling, engine->info().embedding);
    const Engine::HiddenVisitor visit = [&](std::span<const float> state) { pooler.add(state); };
    const Engine::StepItem item{session->get(), ids, nullptr, false, &visit};
    ASSERT_TRUE(engine->step({&item, 1}).ok());
    EXPECT_TRUE((*session)->logits().empty());
    EXPECT_GE(cosine(pooler.result(), read_pooled("qwen2.1", pooling, engine->info().embedding)), 0.999999);
  }
}

TEST(Embed, APieceThatIsDroppedLeavesNoTrace) {
  Pooler pooler(Pooling::kMean, 2);
  pooler.add(std::vector<float>{1, 2});
  pooler.begin_piece();
  pooler.add(std::vector<float>{100, 200});
  pooler.drop_piece();
  pooler.begin_piece();
  pooler.add(std::vector<float>{3, 6});
  EXPECT_EQ(pooler.result(), (std::vector<float>{2, 4}));
}

TEST(Embed, AmongAnswersTheBitsAreTheSame) {
  ServiceOptions options;
  options.max_sessions = 3;
  auto service = Service::start(load("gemma3", 3, 2), options);
  ASSERT_TRUE(service.ok());
  const auto single = load("gemma3", 1, 1);
  const std::vector<int32_t> ids = read_ids("gemma3.0");
  std::promise<FinishReason> answered;
  AnswerRequest request;
  request.prompt = read_ids("gemma3.1");
  request.options.ignore_stop_tokens = true;
  AnswerCallbacks callbacks;
  callbacks.on_end = [&](const Result<GenerateResult>& result) {
    answered.set_value(result.ok() ? result->finish_reason : FinishReason::kStop);
  };
  const auto answer = (*service)->submit(request, callbacks);
  ASSERT_TRUE(answer.ok());
  for (const size_t size : {1u, 40u, 300u}) {
    const std::vector<int32_t> text(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(size));
    std::promise<Result<std::vector<float>>> heard;
    ASSERT_TRUE((*service)->embed(text, "b", [&](const auto& result) { heard.set_value(result); }).ok());
    const Result<std::vector<float>> got = heard.get_future().get();
    ASSERT_TRUE(got.ok()) << got.error().message;
    const std::vector<float> expected = embed_alone(*single, text);
    EXPECT_EQ(std::memcmp(got->data(), expected.data(), expected.size() * sizeof(float)), 0) << size;
  }
  (*service)->cancel(*answer);
  answered.get_future().wait();
  const std::vector<int32_t> too_long(5000, 1);
  EXPECT_EQ((*service)->embed(too_long, "b", [](const auto&) {}).error().code, ErrorCode::kContextFull);
}

}  // namespace
}  // namespace hearth
