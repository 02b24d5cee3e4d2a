// The embedding routes of all dialects on tiny models: the vectors are those of the engine alone, however many texts a request
// has; what is wrong is refused by name; whoever leaves frees the model.
#include "server/embeddings.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <future>
#include <thread>

#include "engine/embed.h"
#include "engine/prompt.h"
#include "server/routes.h"
#include "text/tokenizer.h"

namespace hearth::server {
namespace {

struct Heard {
  int status = 0;
  Headers headers;
  Json body;
  std::string header(const std::string& name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return "";
  }
};

std::string tiny(const std::string& name) { return std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/models/" + name + ".gguf"; }

// Models of tests/goldens/models behind the table of routes, without HTTP.
class Embeddings : public testing::Test {
 protected:
  void serve(int sessions = 2, int queue = 64, int64_t context = 0) {
    std::string name = testing::TempDir() + "hearth-embeddings-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    home_ = name;
    auto library = library::Library::open_at(home_);
    ASSERT_TRUE(library.ok());
    ModelsOptions options;
    options.load.threads = 2;
    options.load.context = context;
    options.load.max_sessions = options.service.max_sessions = sessions;
    options.service.queue_limit = queue;
    options.default_model = "chat";
    for (const auto& [model, file] : {std::pair("chat", "qwen2"), std::pair("embed", "llama-rope-scaled")}) {
      library::Installed installed;
      installed.name = model;
      installed.path = tiny(file);
      options.files.push_back(installed);
    }
    models_ = std::make_unique<Models>(std::move(library).value(), options);
    context_.reset(new Context{*models_, "1", 0});
  }
  void TearDown() override {
    context_.reset();
    models_.reset();
    if (!home_.empty()) std::filesystem::remove_all(home_);
  }

  std::shared_ptr<Responder> send(const std::string& path, const Json& body, std::shared_ptr<std::promise<Heard>> heard,
                                  const std::string& method = "POST") {
    Responder::Sink sink;
    sink.send = [heard](int status, Headers headers, std::string text) {
      heard->set_value({status, std::move(headers), Json::parse(text, nullptr, false)});
    };
    auto responder = std::make_shared<Responder>(std::move(sink));
    Request request;
    request.method = method, request.path = path, request.owner = "somebody", request.id = "1";
    if (!body.is_null()) request.body = to_text(body);
    make_handler(*context_)(std::move(request), responder);
    return responder;
  }
  Heard ask(const std::string& path, const Json& body, const std::string& method = "POST") {
    const auto heard = std::make_shared<std::promise<Heard>>();
    auto future = heard->get_future();
    const auto responder = send(path, body, heard, method);
    return future.get();
  }
  std::vector<float> vector(const std::string& path, const Json& body) {
    const Heard heard = ask(path, body);
    EXPECT_EQ(heard.status, 200) << to_text(heard.body);
    return heard.status == 200 ? heard.body["data"][0]["embedding"].get<std::vector<float>>() : std::vector<float>();
  }
  void expect_refused(const std::string& path, const Json& body, const std::string& part, int status = 400) {
    const Heard heard = ask(path, body);
    EXPECT_EQ(heard.status, status) << path << " " << to_text(body);
    const Json& error = heard.body["error"];
    const std::string message = error.is_string() ? error : error["message"];
    EXPECT_NE(message.find(part), std::string::npos) << path << ": " << message;
  }

  std::string home_;
  std::unique_ptr<Models> models_;
  std::unique_ptr<Context> context_;
};

// The pooled states of texts by the engine alone, one at a time.
class Alone {
 public:
  explicit Alone(const std::string& file) {
    LoadOptions options;
    options.path = tiny(file);
    options.threads = 1;
    auto engine = Engine::load(options);
    EXPECT_TRUE(engine.ok());
    if (engine.ok()) engine_ = std::move(engine).value();
  }
  std::vector<float> states(std::span<const int32_t> tokens) const {
    auto session = engine_->new_session();
    auto result = hearth::embed(*engine_, **session, tokens);
    EXPECT_TRUE(result.ok());
    return result.ok() ? *result : std::vector<float>();
  }
  std::vector<float> states(const std::string& text) const { return states(whole_text(*engine_, text)); }
  const Engine& engine() const { return *engine_; }

 private:
  std::unique_ptr<Engine> engine_;
};

std::string some_text(int seed, int words) {
  std::string text;
  for (int i = 0; i < words; ++i) text += (i ? " the " : "the ") + std::to_string(seed * 31 + i * 7);
  return text;
}

TEST(VectorShapes, NormsAndDimensions) {
  EXPECT_EQ(shape_vector({3, 4}, {}), (std::vector<float>{0.6f, 0.8f}));
  EXPECT_EQ(shape_vector({3, 4, 12}, {2, 2}), (std::vector<float>{0.6f, 0.8f}));
  EXPECT_EQ(shape_vector({3, -4}, {0, -1}), (std::vector<float>{3, -4}));
  EXPECT_EQ(shape_vector({3, -4}, {0, 0}), (std::vector<float>{24570, -32760}));
  EXPECT_EQ(shape_vector({1, -3}, {0, 1}), (std::vector<float>{0.25f, -0.75f}));
  EXPECT_NEAR(shape_vector({1, 2}, {0, 3})[1], 2 / std::cbrt(9.0), 1e-7);
  EXPECT_EQ(shape_vector({0, 0}, {}), (std::vector<float>{0, 0}));
}

// Expected: base64.b64encode(struct.pack("<3f", 0, 1, -2.5)) of Python.
TEST(VectorShapes, Texts) {
  EXPECT_EQ(vector_base64({0, 1, -2.5f}), "\"AAAAAAAAgD8AACDA\"");
  EXPECT_EQ(vector_base64({1}), "\"AACAPw==\"");
  EXPECT_EQ(vector_list({0.25f, -1.5f}), "[0.25,-1.5]");
  const float odd = 0.1f;
  EXPECT_EQ(Json::parse(vector_list({odd}))[0].get<double>(), double{odd});
}

TEST_F(Embeddings, AreTheSameVectorsInEveryDialect) {
  serve();
  const Alone alone("qwen2");
  const std::string text = some_text(1, 40);
  const std::vector<float> states = alone.states(text), unit = shape_vector(states, {});
  EXPECT_EQ(vector("/v1/embeddings", {{"input", text}}), unit);
  EXPECT_EQ(vector("/v1/embeddings", {{"input", whole_text(alone.engine(), text)}, {"user", "x"}}), unit);
  EXPECT_EQ(vector("/api/v0/embeddings", {{"input", Json::array({text})}}), unit);
  EXPECT_EQ(vector("/embeddings", {{"input", text}}), unit);
  EXPECT_EQ(vector("/v1/embeddings", {{"input", text}, {"dimensions", 5}}), shape_vector(states, {5, 2}));
  EXPECT_EQ(vector("/embedding", {{"input", text}, {"embd_normalize", -1}}), states);
  const Json base64 = ask("/v1/embeddings", {{"input", text}, {"encoding_format", "base64"}}).body;
  EXPECT_EQ(to_text(base64["data"][0]["embedding"]), vector_base64(unit));
  const Json native = ask("/embedding", {{"content", text}, {"embd_normalize", 0}}).body;
  EXPECT_EQ(native[0]["embedding"][0].get<std::vector<float>>(), shape_vector(states, {0, 0}));
  EXPECT_EQ(ask("/api/embed", {{"input", text}}).body["embeddings"][0].get<std::vector<float>>(), unit);
  EXPECT_EQ(ask("/api/embeddings", {{"prompt", text}}).body["embedding"].get<std::vector<float>>(), states);
}

TEST_F(Embeddings, ShapesHaveCountsAndNames) {
  serve();
  const Alone alone("qwen2");
  const auto tokens = static_cast<int64_t>(whole_text(alone.engine(), "a b").size() + whole_text(alone.engine(), "c").size());
  Json openai = ask("/v1/embeddings", {{"input", {"a b", "c"}}}).body;
  for (Json& entry : openai["data"]) entry["embedding"] = entry["embedding"].size();
  const int64_t width = alone.engine().info().embedding;
  EXPECT_EQ(openai, Json::object({{"object", "list"},
                          {"data", {{{"object", "embedding"}, {"index", 0}, {"embedding", width}},
                                    {{"object", "embedding"}, {"index", 1}, {"embedding", width}}}},
                          {"model", "chat"},
                          {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}}));
  const Json ollama = ask("/api/embed", {{"model", "chat:latest"}, {"input", {"a b", "c"}}}).body;
  EXPECT_EQ(ollama["model"], "chat:latest");
  EXPECT_EQ(ollama["prompt_eval_count"], tokens);
  EXPECT_GT(ollama["total_duration"], 0);
  EXPECT_EQ(ollama["embeddings"].size(), 2u);
  const Json native = ask("/embedding", {{"content", Json::array({"a b", Json::array({"c", 5})})}}).body;
  EXPECT_EQ(native.size(), 2u);
  EXPECT_EQ(native[1]["index"], 1);
}

TEST_F(Embeddings, NothingToReadLoadsTheModelInOllamasDialect) {
  serve();
  EXPECT_EQ(ask("/api/embed", {{"model", "chat"}, {"keep_alive", -1}}).body["embeddings"], Json::array());
  ASSERT_EQ(models_->loaded().size(), 1u);
  EXPECT_FALSE(models_->loaded()[0].expires_at_ms);
  EXPECT_EQ(ask("/api/embed", {{"input", ""}}).body["prompt_eval_count"], 0);
  EXPECT_EQ(ask("/api/embed", {{"input", Json::array()}}).body["embeddings"], Json::array());
  EXPECT_EQ(ask("/api/embeddings", {{"model", "chat"}}).body, Json::object({{"embedding", Json::array()}}));
}

TEST_F(Embeddings, ManyTextsNeedNoRoomInTheQueue) {
  serve(/*sessions=*/1, /*queue=*/0);
  const Alone alone("qwen2");
  Json inputs = Json::array();
  for (int i = 0; i < 60; ++i) inputs.push_back(some_text(i, i % 25));
  for (Json& text : inputs) text = text.get<std::string>().empty() ? "x" : text;
  const Json body = ask("/v1/embeddings", {{"input", inputs}}).body;
  ASSERT_EQ(body["data"].size(), inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_EQ(body["data"][i]["index"], i);
    EXPECT_EQ(body["data"][i]["embedding"].get<std::vector<float>>(), shape_vector(alone.states(inputs[i].get<std::string>()), {})) << i;
  }
  EXPECT_EQ(models_->loaded()[0].stats.embeddings, 60);
}

TEST_F(Embeddings, SeveralRequestsAtOnceGetWhatEachWouldGetAlone) {
  serve(/*sessions=*/3);
  const Alone alone("qwen2");
  std::vector<std::future<Heard>> heard;
  std::vector<std::shared_ptr<Responder>> responders;
  for (int i = 0; i < 6; ++i) {
    const auto promise = std::make_shared<std::promise<Heard>>();
    heard.push_back(promise->get_future());
    responders.push_back(send("/api/embed", {{"input", {some_text(i, 3 + i * 10), some_text(i + 50, 20)}}}, promise));
  }
  for (int i = 0; i < 6; ++i) {
    const Json body = heard[static_cast<size_t>(i)].get().body;
    EXPECT_EQ(body["embeddings"][0].get<std::vector<float>>(), shape_vector(alone.states(some_text(i, 3 + i * 10)), {}));
    EXPECT_EQ(body["embeddings"][1].get<std::vector<float>>(), shape_vector(alone.states(some_text(i + 50, 20)), {}));
  }
}

TEST_F(Embeddings, AModelThatWantsAnEndTokenGetsIt) {
  serve();
  const Alone alone("llama-rope-scaled");
  const text::Tokenizer& tokenizer = alone.engine().tokenizer();
  const std::vector<int32_t> tokens = whole_text(alone.engine(), "a b c");
  EXPECT_EQ(tokens.back(), tokenizer.end_id());
  EXPECT_EQ(tokens.front(), tokenizer.start_id());
  const std::vector<float> unit = shape_vector(alone.states(tokens), {});
  EXPECT_EQ(vector("/v1/embeddings", {{"model", "embed"}, {"input", "a b c"}}), unit);
  const Json native = ask("/embedding", {{"model", "embed"}, {"content", "a b c"}}).body;
  EXPECT_EQ(native[0]["embedding"][0].get<std::vector<float>>(), unit);
}

TEST_F(Embeddings, WhatDoesNotFitIsCutOnlyWhereOllamaCutsAndSaysSo) {
  serve(2, 64, /*context=*/64);
  const Alone alone("llama-rope-scaled");
  const std::string text = some_text(3, 100);
  std::vector<int32_t> tokens = whole_text(alone.engine(), text);
  const int64_t all = static_cast<int64_t>(tokens.size());
  ASSERT_GT(all, 64);
  tokens.resize(63);
  tokens.push_back(alone.engine().tokenizer().end_id());
  const Heard heard = ask("/api/embed", {{"model", "embed"}, {"input", {"a", text}}});
  EXPECT_EQ(heard.body["embeddings"][1].get<std::vector<float>>(), shape_vector(alone.states(tokens), {}));
  EXPECT_EQ(heard.header("x-hearth-truncated"), "inputs=1, tokens=" + std::to_string(all - 64));
  EXPECT_EQ(heard.body["prompt_eval_count"], 64 + static_cast<int64_t>(whole_text(alone.engine(), "a").size()));
  EXPECT_EQ(ask("/api/embed", {{"model", "embed"}, {"input", "a"}}).header("x-hearth-truncated"), "");
  const std::string sentence = "request (" + std::to_string(all) + " tokens) exceeds the available context size (64 tokens), try increasing it";
  expect_refused("/api/embed", {{"model", "embed"}, {"input", text}, {"truncate", false}}, sentence);
  expect_refused("/api/embeddings", {{"model", "embed"}, {"prompt", text}}, sentence);
  expect_refused("/embedding", {{"model", "embed"}, {"content", text}}, sentence);
  expect_refused("/v1/embeddings", {{"model", "embed"}, {"input", {"a", text}}}, sentence);
  const Json error = ask("/v1/embeddings", {{"model", "embed"}, {"input", {"a", text}}}).body["error"];
  EXPECT_EQ(error["code"], "context_length_exceeded");
  EXPECT_EQ(error["param"], "input[1]");
}

TEST_F(Embeddings, WhatIsWrongIsNamed) {
  serve();
  const char* openai = "/v1/embeddings";
  expect_refused(openai, Json::object(), "'input' is missing");
  expect_refused(openai, {{"input", ""}}, "'input' is empty");
  expect_refused(openai, {{"input", Json::array()}}, "'input' is empty");
  expect_refused(openai, {{"input", {"a", ""}}}, "'input[1]' is empty");
  expect_refused(openai, {{"input", Json::array({""})}}, "'input[0]' is empty");
  expect_refused(openai, {{"input", Json::array({Json::array()})}}, "is empty");
  expect_refused(openai, {{"input", 5}}, "'input' must be a string");
  expect_refused(openai, {{"input", {"a", 5}}}, "'input' must be a string");
  expect_refused(openai, {{"input", Json::array({Json::array({"a"})})}}, "'input' must be a string");
  expect_refused(openai, {{"input", {{"prompt_string", "a"}}}}, "'input' must be a string");
  expect_refused(openai, {{"input", {5, 1000000}}}, "1000000 is no token id");
  expect_refused(openai, {{"input", {5, -1}}}, "-1 is no token id");
  expect_refused(openai, {{"input", {5, 1.5}}}, "1.5 is no token id");
  expect_refused(openai, {{"input", std::vector<std::string>(2049, "a")}}, "at most 2048");
  expect_refused(openai, {{"input", "a"}, {"encoding_format", "hex"}}, "encoding_format");
  expect_refused(openai, {{"input", "a"}, {"encoding_format", 5}}, "encoding_format");
  expect_refused(openai, {{"input", "a"}, {"dimensions", 0}}, "dimensions");
  expect_refused(openai, {{"input", "a"}, {"dimensions", 100000}}, "'dimensions' is 100000, but the embeddings of 'chat' have 48");
  expect_refused(openai, {{"input", "a"}, {"dimensions", "5"}}, "dimensions");
  expect_refused(openai, {{"input", "a"}, {"embd_normalize", -2}}, "embd_normalize");
  expect_refused(openai, {{"input", "a"}, {"model", "nobody"}}, "nobody", 404);
  expect_refused("/embedding", Json::object(), "'content' or 'input' is missing");
  expect_refused("/embedding", {{"content", ""}}, "'content' is empty");
  expect_refused("/embedding", {{"content", "a"}, {"encoding_format", "base64"}}, "encoding_format");
  expect_refused("/api/embed", {{"input", 5}}, "invalid input type");
  expect_refused("/api/embed", {{"input", {"a", 5}}}, "invalid input type");
  expect_refused("/api/embed", {{"input", "a"}, {"truncate", "no"}}, "truncate");
  expect_refused("/api/embed", {{"input", "a"}, {"dimensions", 100000}}, "dimensions");
  expect_refused("/api/embed", {{"input", "a"}, {"options", {{"num_ctx", -1}}}}, "num_ctx");
  expect_refused("/api/embed", {{"input", std::vector<std::string>(2049, "a")}}, "at most 2048");
  expect_refused("/api/embeddings", {{"prompt", {"a"}}}, "prompt");
  EXPECT_EQ(ask("/v1/embeddings", {{"input", ""}}).body["error"]["param"], "input");
  EXPECT_EQ(ask("/embedding", {{"content", ""}}).body["error"]["code"], 400);
}

TEST_F(Embeddings, WhoLeavesFreesTheModel) {
  serve();
  Json inputs = Json::array();
  for (int i = 0; i < 1000; ++i) inputs.push_back(some_text(i, 60));
  const auto heard = std::make_shared<std::promise<Heard>>();
  const auto responder = send("/v1/embeddings", {{"input", inputs}}, heard);
  responder->close();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (models_->loaded()[0].in_use > 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(models_->loaded()[0].in_use, 0);
  EXPECT_LT(models_->loaded()[0].stats.embeddings, 1000);
  EXPECT_EQ(vector("/v1/embeddings", {{"input", "a"}}).size(), 48u);
}

TEST_F(Embeddings, ListsTellWhichModelsAreMadeForThem) {
  serve();
  const auto capabilities = [&](const std::string& name) { return ask("/api/show", {{"model", name}}).body["capabilities"]; };
  EXPECT_EQ(capabilities("embed"), Json::array({"embedding"}));
  EXPECT_EQ(capabilities("chat")[0], "completion");
  const Json tags = ask("/api/tags", nullptr, "GET").body["models"];
  ASSERT_EQ(tags.size(), 2u);
  EXPECT_EQ(tags[0]["capabilities"], capabilities("chat"));
  EXPECT_EQ(tags[1]["capabilities"], Json::array({"embedding"}));
  const Json v0 = ask("/api/v0/models", nullptr, "GET").body["data"], v1 = ask("/api/v1/models", nullptr, "GET").body["models"];
  EXPECT_EQ(v0[0]["type"], "llm");
  EXPECT_EQ(v0[1]["type"], "embeddings");
  EXPECT_EQ(v1[0]["type"], "llm");
  EXPECT_EQ(v1[1]["type"], "embedding");
  EXPECT_FALSE(v1[1].contains("capabilities"));
  EXPECT_EQ(ask("/api/v1/models/load", {{"model", "embed"}}).body["type"], "embedding");
}

TEST_F(Embeddings, NamesAsOllamasClientsWriteThemInFull) {
  serve();
  for (const char* name : {"chat", "chat:latest", "library/chat", "library/chat:latest", "registry.ollama.ai/library/chat:latest", " chat "}) {
    EXPECT_EQ(ask("/api/embed", {{"model", name}, {"input", "a"}}).status, 200) << name;
  }
  for (const char* name : {"other/chat", "library/", "library/library/chat", "registry.ollama.ai/chat/"}) {
    EXPECT_EQ(ask("/api/embed", {{"model", name}, {"input", "a"}}).status, 404) << name;
  }
}

}  // namespace
}  // namespace hearth::server
