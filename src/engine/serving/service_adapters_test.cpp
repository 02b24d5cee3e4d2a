// Answers with adapters behind a Service: the bits of ones alone, whoever runs beside them, with and without guessing ahead,
// and prompts of the past that are never shared between sets.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "engine/answer_shape.h"
#include "engine/serving/service.h"
#include "engine/serving/test_requests.h"

namespace hearth {
namespace {

std::unique_ptr<Engine> load_adapted_gemma(int sessions, std::vector<float> scales = {1.0f, 0.5f}) {
  LoadOptions options;
  options.path = tiny_model("gemma3");
  options.threads = 2;
  options.max_sessions = sessions;
  const std::string folder = std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/adapters/gemma3.";
  options.adapters = {{folder + "one.gguf", scales[0]}, {folder + "two.gguf", scales[1]}};
  auto engine = Engine::load(options);
  EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : engine.error().message);
  return engine.ok() ? std::move(engine).value() : nullptr;
}

std::unique_ptr<Service> serve_adapted(ServiceOptions options) {
  auto service = Service::start(load_adapted_gemma(options.max_sessions), options);
  EXPECT_TRUE(service.ok()) << (service.ok() ? "" : service.error().message);
  return service.ok() ? std::move(service).value() : nullptr;
}

std::future<Result<GenerateResult>> submit_adapted(Service& service, AnswerRequest request) {
  auto promise = std::make_shared<std::promise<Result<GenerateResult>>>();
  AnswerCallbacks callbacks;
  callbacks.on_end = [promise](const Result<GenerateResult>& result) { promise->set_value(result); };
  const auto id = service.submit(std::move(request), std::move(callbacks));
  EXPECT_TRUE(id.ok()) << id.error().message;
  return promise->get_future();
}

GenerateResult alone_with(const Engine& engine, const AnswerRequest& request) {
  auto session = request.adapters ? engine.new_session(*request.adapters) : engine.new_session();
  EXPECT_TRUE(session.ok());
  auto result = generate(engine, **session, request.prompt, request.options);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.ok() ? std::move(result).value() : GenerateResult{};
}

const std::vector<std::optional<AdapterSet>> kSets = {
    std::nullopt, AdapterSet{}, AdapterSet{{0, 1.0f}}, AdapterSet{{1, 1.5f}}, AdapterSet{{0, -0.5f}, {1, 0.25f}}, AdapterSet{{1, 0.0f}}};

// Masked and unmasked ones, too.
TEST(ServiceAdapters, AnswersBesideOthersAreThoseOfOnesAlone) {
  const auto single = load_adapted_gemma(1);
  AnswerShape shape;
  shape.kind = AnswerShape::Kind::kChoices;
  shape.choices = {"yes, the answer is yes", "no, the answer is no", "nobody knows the answer"};
  for (const bool speculate : {false, true}) {
    ServiceOptions options;
    options.max_sessions = 6;
    options.prefix_cache_bytes = 1 << 20;
    options.speculate = speculate;
    const auto service = serve_adapted(options);
    Random random(11);
    std::vector<AnswerRequest> requests;
    std::vector<std::future<Result<GenerateResult>>> answers;
    const std::vector<int32_t> shared = some_prompt(random, 150, 300);
    for (int i = 0; i < 36; ++i) {
      AnswerRequest request = some_request(random, 300);
      if (i % 2 == 0) request.prompt.insert(request.prompt.begin(), shared.begin(), shared.end());
      request.adapters = kSets[static_cast<size_t>(random.below(static_cast<int64_t>(kSets.size())))];
      if (i % 5 == 0) {
        request.options.max_tokens = 30;
        request.options.ignore_stop_tokens = false;
        request.options.grammar = *single->grammars().get(shape);
      }
      requests.push_back(request);
      if (request.options.grammar) request.options.grammar = *service->engine().grammars().get(shape);
      answers.push_back(submit_adapted(*service, request));
    }
    for (size_t i = 0; i < answers.size(); ++i) {
      const Result<GenerateResult> result = answers[i].get();
      ASSERT_TRUE(result.ok()) << result.error().message;
      SCOPED_TRACE("answer " + std::to_string(i) + (speculate ? " with guesses" : " without guesses"));
      expect_same(*result, alone_with(*single, requests[i]));
    }
    EXPECT_GT(service->stats().reused_tokens, 0);
  }
}

AnswerRequest prompt_with(std::vector<int32_t> prompt, std::optional<AdapterSet> adapters) {
  AnswerRequest request;
  request.prompt = std::move(prompt);
  request.adapters = std::move(adapters);
  request.options.max_tokens = 4;
  request.options.ignore_stop_tokens = true;
  return request;
}

TEST(ServiceAdapters, PromptsOfThePastAreNotSharedBetweenSets) {
  ServiceOptions options;
  options.max_sessions = 2;
  options.prefix_cache_bytes = 1 << 24;
  const auto service = serve_adapted(options);
  Random random(5);
  const std::vector<int32_t> prompt = some_prompt(random, 200, 300);
  const auto reused = [&](std::optional<AdapterSet> adapters) {
    return submit_adapted(*service, prompt_with(prompt, std::move(adapters))).get().value().reused_tokens;
  };
  const std::vector<AdapterSet> different = {{}, {{0, 1.0f}}, {{0, 1.0000001f}}, {{1, 1.0f}}, {{0, 1.0f}, {1, 1.0f}}};
  for (const AdapterSet& set : different) EXPECT_EQ(reused(set), 0);
  for (const AdapterSet& set : different) EXPECT_EQ(reused(set), 199);
  EXPECT_EQ(reused(AdapterSet{{1, 1.0f}, {0, 1.0f}}), 199);  // the same set
  EXPECT_EQ(reused(AdapterSet{{0, 0.0f}}), 199);             // the model alone
  EXPECT_EQ(reused(std::nullopt), 0);
  EXPECT_EQ(reused(AdapterSet{{0, 1.0f}, {1, 0.5f}}), 199);  // the default ones
}

TEST(ServiceAdapters, PromptsOnDiskAreOfTheirAdaptersToo) {
  std::string folder = (std::filesystem::temp_directory_path() / "service_adapters_XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  ServiceOptions options;
  options.max_sessions = 2;
  options.prefix_cache_bytes = 1 << 24;
  options.prefix_disk_folder = folder;
  options.prefix_disk_bytes = 1 << 28;
  options.model_sha256 = std::string(64, 'b');
  Random random(6);
  const std::vector<int32_t> prompt = some_prompt(random, 200, 300);
  const AdapterSet set = {{0, 0.5f}};
  GenerateResult first = submit_adapted(*serve_adapted(options), prompt_with(prompt, set)).get().value();
  auto service = serve_adapted(options);
  EXPECT_EQ(submit_adapted(*service, prompt_with(prompt, AdapterSet{})).get().value().reused_tokens, 0);
  EXPECT_EQ(submit_adapted(*service, prompt_with(prompt, AdapterSet{{0, 0.25f}})).get().value().reused_tokens, 0);
  const GenerateResult again = submit_adapted(*service, prompt_with(prompt, set)).get().value();
  EXPECT_EQ(again.reused_tokens, 199);
  first.reused_tokens = again.reused_tokens;
  expect_same(again, first);
  service.reset();
  std::filesystem::remove_all(folder);
}

TEST(ServiceAdapters, DefaultOnesCanBeChanged) {
  ServiceOptions options;
  options.max_sessions = 1;
  const auto service = serve_adapted(options);
  const auto single = load_adapted_gemma(1);
  const AnswerRequest request = prompt_with({3, 4, 5}, std::nullopt);
  EXPECT_EQ(service->default_adapters(), (AdapterSet{{0, 1.0f}, {1, 0.5f}}));
  ASSERT_TRUE(service->set_default_adapters(AdapterSet{{1, -1.0f}}).ok());
  expect_same(submit_adapted(*service, request).get().value(), alone_with(*single, prompt_with({3, 4, 5}, AdapterSet{{1, -1.0f}})));
  EXPECT_FALSE(service->set_default_adapters(AdapterSet{{7, 1.0f}}).ok());
  EXPECT_EQ(service->default_adapters(), (AdapterSet{{1, -1.0f}}));
  const auto refused = service->submit(prompt_with({1}, AdapterSet{{2, 1.0f}}), {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hearth
