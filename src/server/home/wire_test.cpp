// What one side writes the other reads back to the last bit, and what is none of it is refused.
#include "server/home/wire.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace hearth::server::home {
namespace {

// Over the wire and back.
Json sent(const Json& json) { return Json::parse(to_text(json)); }

Question some_question() {
  Question question;
  question.model = "tiny";
  question.messages = {{"system", "Be \"brief\"."}, {"user", "gr\xc3\xbc\xc3\x9f dich\n"}};
  text::SamplerOptions& sampler = question.options.sampler;
  sampler.temperature = 0.1f + 0.2f;
  sampler.top_p = std::nextafter(1.0f, 0.0f);
  sampler.min_p = std::numeric_limits<float>::denorm_min();
  sampler.top_k = 7;
  sampler.penalty_window = -1;
  sampler.logprobs = 3;
  sampler.seed = std::numeric_limits<uint64_t>::max();
  sampler.logit_bias = {{5, -std::numeric_limits<float>::infinity()}, {6, 900.125f}};
  sampler.order = {"temperature", "top_p"};
  sampler.typical_p = 0.7f, sampler.xtc_probability = 0.3f, sampler.dry_multiplier = 0.8f, sampler.mirostat_eta = 0.2f;
  sampler.mirostat = 2, sampler.dry_window = -1, sampler.min_keep = 3;
  sampler.dry_breakers = {"\n", "--"};
  question.options.max_tokens = -1;
  question.options.stop = {"a", "b\n"};
  question.options.ignore_stop_tokens = true;
  question.wishes.tools = {{{"weather", "Tells.", R"({"type":"object"})"}}, text::tools::ToolChoice::kNamed, "weather", false};
  question.wishes.reasoning = {text::tools::ReasoningWish::kOff, 77, "low"};
  return question;
}

TEST(Wire, QuestionsComeAsTheyWere) {
  const Question asked = some_question();
  const Checked<Question> read = question_from_json(sent(question_to_json(asked)));
  ASSERT_TRUE(read.ok()) << read.error().message;
  const text::SamplerOptions& a = asked.options.sampler;
  const text::SamplerOptions& b = (*read).options.sampler;
  EXPECT_EQ(a.temperature, b.temperature);
  EXPECT_EQ(a.top_p, b.top_p);
  EXPECT_EQ(a.min_p, b.min_p);
  EXPECT_EQ(a.top_k, b.top_k);
  EXPECT_EQ(a.penalty_window, b.penalty_window);
  EXPECT_EQ(a.logprobs, b.logprobs);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.logit_bias, b.logit_bias);
  EXPECT_EQ(a.order, b.order);
  EXPECT_EQ(a.typical_p, b.typical_p);
  EXPECT_EQ(a.xtc_probability, b.xtc_probability);
  EXPECT_EQ(a.dry_multiplier, b.dry_multiplier);
  EXPECT_EQ(a.mirostat_eta, b.mirostat_eta);
  EXPECT_EQ(a.mirostat, b.mirostat);
  EXPECT_EQ(a.dry_window, b.dry_window);
  EXPECT_EQ(a.min_keep, b.min_keep);
  EXPECT_EQ(a.dry_breakers, b.dry_breakers);
  EXPECT_EQ((*read).model, "tiny");
  ASSERT_EQ((*read).messages.size(), 2u);
  EXPECT_EQ((*read).messages[1].content, asked.messages[1].content);
  EXPECT_EQ((*read).options.max_tokens, -1);
  EXPECT_EQ((*read).options.stop, asked.options.stop);
  EXPECT_TRUE((*read).options.ignore_stop_tokens);
  const text::tools::ToolRequest& tools = (*read).wishes.tools;
  ASSERT_EQ(tools.tools.size(), 1u);
  EXPECT_EQ(tools.tools[0].name, "weather");
  EXPECT_EQ(tools.tools[0].description, "Tells.");
  EXPECT_EQ(tools.tools[0].parameters, R"({"type":"object"})");
  EXPECT_EQ(tools.choice, text::tools::ToolChoice::kNamed);
  EXPECT_EQ(tools.name, "weather");
  EXPECT_FALSE(tools.parallel);
  EXPECT_EQ((*read).wishes.reasoning.wish, text::tools::ReasoningWish::kOff);
  EXPECT_EQ((*read).wishes.reasoning.budget, 77);
  EXPECT_EQ((*read).wishes.reasoning.effort, "low");
}

TEST(Wire, QuestionsLeaveNothingToDefaultsAndNoTypeToChance) {
  const Json whole = question_to_json(some_question());
  for (const auto& [name, value] : whole.items()) {
    Json less = whole;
    less.erase(name);
    EXPECT_FALSE(question_from_json(less).ok()) << name;
    less[name] = Json::object({{"x", 1}});
    EXPECT_FALSE(question_from_json(less).ok()) << name;
  }
  for (const auto& [name, value] : whole["sampler"].items()) {
    Json less = whole;
    less["sampler"].erase(name);
    EXPECT_FALSE(question_from_json(less).ok()) << name;
  }
  for (const char* part : {"tools", "reasoning"}) {
    for (const auto& [name, value] : whole[part].items()) {
      Json less = whole;
      less[part].erase(name);
      EXPECT_FALSE(question_from_json(less).ok()) << name;
    }
  }
  Json unknown = whole;
  unknown["tools"]["choice"] = "often";
  EXPECT_FALSE(question_from_json(unknown).ok());
  unknown = whole;
  unknown["tools"]["name"] = "absent";
  EXPECT_FALSE(question_from_json(unknown).ok());
  for (const char* text : {"{}", "[]", "3", R"({"messages":[]})", R"({"messages":[5],"sampler":{}})"}) {
    EXPECT_FALSE(question_from_json(Json::parse(text)).ok()) << text;
  }
  Json large = whole;
  large["sampler"]["top_k"] = int64_t{1} << 40;
  EXPECT_FALSE(question_from_json(large).ok());
  large = whole;
  large["max_tokens"] = -2;
  EXPECT_FALSE(question_from_json(large).ok());
}

TEST(Wire, LinesComeAsTheyWere) {
  TextLine text{"ab", "hm", {{17, -0.1f, {{17, -0.1f}, {4, -std::numeric_limits<float>::infinity()}}}}, {{17, "a"}, {4, "\xff"}}};
  Result<Line> line = line_from_text(to_text(to_json(text, /*with_logprobs=*/true)));
  ASSERT_TRUE(line.ok() && line->text) << line.error().message;
  ASSERT_EQ(line->text->tokens.size(), 1u);
  EXPECT_EQ(line->text->tokens[0].logprob, -0.1f);
  ASSERT_EQ(line->text->tokens[0].alternatives.size(), 2u);
  EXPECT_TRUE(std::isinf(line->text->tokens[0].alternatives[1].logprob));
  EXPECT_EQ(line->text->token_texts.at(17), "a");
  EXPECT_EQ(line->text->text, "ab");
  EXPECT_EQ(line->text->reasoning, "hm");

  line = line_from_text(to_text(to_json(text, /*with_logprobs=*/false)));
  ASSERT_TRUE(line.ok() && line->text);
  EXPECT_EQ(line->text->tokens[0].id, 17);

  EndLine end;
  end.result.finish_reason = FinishReason::kContextFull;
  end.result.stop_string = "x";
  end.result.prompt_tokens = 5, end.result.reused_tokens = 4, end.result.prompt_ms = 0.1;
  end.context = 8192, end.context_used = 77;
  end.result.reasoning_tokens = 3;
  end.calls = {{"c1", "weather", R"({"city":"Bonn"})"}};
  end.malformed = {{"<tool_call>{", "it has no end"}};
  line = line_from_text(to_text(to_json(end)));
  ASSERT_TRUE(line.ok() && line->end);
  EXPECT_EQ(line->end->result.finish_reason, FinishReason::kContextFull);
  EXPECT_EQ(line->end->result.stop_string, "x");
  EXPECT_EQ(line->end->result.prompt_ms, 0.1);
  EXPECT_EQ(line->end->context_used, 77);
  EXPECT_EQ(line->end->result.reasoning_tokens, 3);
  ASSERT_EQ(line->end->calls.size(), 1u);
  EXPECT_EQ(line->end->calls[0].id, "c1");
  EXPECT_EQ(line->end->calls[0].arguments, R"({"city":"Bonn"})");
  ASSERT_EQ(line->end->malformed.size(), 1u);
  EXPECT_EQ(line->end->malformed[0].raw, "<tool_call>{");

  line = line_from_text(to_text(to_json(PromptLine{9, 3, 5, -1})));
  ASSERT_TRUE(line.ok() && line->prompt);
  EXPECT_EQ(line->prompt->reused, 3);

  line = line_from_text(R"({"error":{"code":503,"message":"full","type":"unavailable_error"}})");
  ASSERT_TRUE(line.ok() && line->error);
  EXPECT_EQ(line->error->code, ErrorCode::kResource);
}

TEST(Wire, LinesThatAreNoneAreErrors) {
  for (const char* text : {"", "x", "[]", "{}", R"({"text":5,"ids":[]})", R"({"text":"a","ids":["b"]})", R"({"end":{}})",
                           R"({"prompt":5})", R"({"text":"a","tokens":[{"id":1}]})"}) {
    EXPECT_FALSE(line_from_text(text).ok()) << text;
  }
}

TEST(Wire, ModelsAndProgramsIntroduceThemselves) {
  ModelInfo info;
  info.path = "/a/b.gguf";
  info.chat_template = "{{ x }}";
  info.parameter_count = 5'000'000'000;
  info.context = 4096;
  info.threads = 3;
  info.isa = "avx2";
  const Result<ModelInfo> read = model_info_from_json(sent(model_info_to_json(info)));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->path, info.path);
  EXPECT_EQ(read->parameter_count, info.parameter_count);
  EXPECT_EQ(read->threads, 3);
  EXPECT_FALSE(model_info_from_json(Json::object()).ok());

  const Result<Identity> identity = identity_from_json(sent(identity_to_json({"1.2", 4, "int8"})));
  ASSERT_TRUE(identity.ok());
  EXPECT_EQ(identity->version, "1.2");
  EXPECT_EQ(identity->numerics, 4);
  EXPECT_EQ(identity->kv_type, "int8");
  EXPECT_FALSE(identity_from_json(Json::parse(R"({"program":"other","version":"1.2","numerics":4,"kv_type":"f16"})")).ok());
  EXPECT_FALSE(identity_from_json(Json()).ok());
}

TEST(Wire, ErrorsKeepTheirKind) {
  const auto kind = [](int status, const char* type) {
    return error_from_json(status, {{"error", {{"message", "m"}, {"type", type}}}}).code;
  };
  EXPECT_EQ(kind(400, "exceed_context_size_error"), ErrorCode::kContextFull);
  EXPECT_EQ(kind(400, "invalid_request_error"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(kind(404, "not_found_error"), ErrorCode::kNotFound);
  EXPECT_EQ(kind(503, "unavailable_error"), ErrorCode::kResource);
  EXPECT_EQ(error_from_json(500, Json()).message, "the server answered with status 500");
}

}  // namespace
}  // namespace hearth::server::home
