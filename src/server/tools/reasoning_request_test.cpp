// Reasoning on, off and bounded, in the words of every dialect.
#include "server/tools/reasoning_request.h"

#include <gtest/gtest.h>

namespace hearth::server {
namespace {

ReasoningWishes read(const char* body, Dialect dialect = Dialect::kOpenAi) {
  Checked<ReasoningWishes> wishes = read_reasoning(Json::parse(body), dialect);
  EXPECT_TRUE(wishes.ok()) << wishes.error().message;
  return wishes.ok() ? *wishes : ReasoningWishes{};
}

TEST(ReasoningRequest, NothingIsTheTemplatesBusiness) {
  for (const Dialect dialect : {Dialect::kOpenAi, Dialect::kOllama, Dialect::kLmStudio, Dialect::kNative}) {
    const ReasoningWishes wishes = read("{}", dialect);
    EXPECT_FALSE(wishes.on.has_value());
    EXPECT_EQ(wishes.budget, -1);
    EXPECT_TRUE(wishes.apart);
  }
  EXPECT_EQ(read("{}", Dialect::kAnthropic).on, false);  // thinking has to be asked for there
}

TEST(ReasoningRequest, OnAndOff) {
  const std::tuple<const char*, Dialect, bool> wishes[] = {
      {R"({"reasoning_effort":"none"})", Dialect::kOpenAi, false},
      {R"({"reasoning_effort":"low"})", Dialect::kOpenAi, true},
      {R"({"reasoning":{"effort":"high","summary":"auto"}})", Dialect::kOpenAi, true},
      {R"({"reasoning":{"effort":"none"}})", Dialect::kOpenAi, false},
      {R"({"reasoning":{"enabled":false}})", Dialect::kOpenAi, false},
      {R"({"chat_template_kwargs":{"enable_thinking":false}})", Dialect::kOpenAi, false},
      {R"({"chat_template_kwargs":{"enable_thinking":true},"reasoning_effort":"none"})", Dialect::kOpenAi, true},
      {R"({"enable_thinking":false})", Dialect::kOpenAi, false},
      {R"({"reasoning_budget":0})", Dialect::kOpenAi, false},
      {R"({"think":true})", Dialect::kOllama, true},
      {R"({"think":false})", Dialect::kOllama, false},
      {R"({"think":"medium"})", Dialect::kOllama, true},
      {R"({"think":"none"})", Dialect::kOllama, false},
      {R"({"thinking":{"type":"enabled","budget_tokens":2048}})", Dialect::kAnthropic, true},
      {R"({"thinking":{"type":"disabled"}})", Dialect::kAnthropic, false},
      {R"({"reasoning":"on"})", Dialect::kLmStudio, true},
      {R"({"reasoning":"off"})", Dialect::kLmStudio, false}};
  for (const auto& [body, dialect, on] : wishes) EXPECT_EQ(read(body, dialect).on, on) << body;
  EXPECT_FALSE(read(R"({"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}})", Dialect::kAnthropic).on.has_value());
}

TEST(ReasoningRequest, LevelsAndBudgets) {
  EXPECT_EQ(read(R"({"reasoning_effort":"minimal"})").effort, "low");
  EXPECT_EQ(read(R"({"reasoning_effort":"medium"})").effort, "medium");
  EXPECT_EQ(read(R"({"think":"max"})", Dialect::kOllama).effort, "high");
  EXPECT_EQ(read(R"({"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}})", Dialect::kAnthropic).effort, "low");
  EXPECT_EQ(read(R"({"reasoning_budget":100})").budget, 100);
  EXPECT_EQ(read(R"({"reasoning_budget":-1})").budget, -1);
  EXPECT_EQ(read(R"({"reasoning":{"max_tokens":64}})").budget, 64);
  EXPECT_EQ(read(R"({"thinking":{"type":"enabled","budget_tokens":1024}})", Dialect::kAnthropic).budget, 1024);
}

TEST(ReasoningRequest, WhereItStands) {
  EXPECT_FALSE(read(R"({"reasoning_format":"none"})").apart);
  for (const char* format : {"auto", "deepseek", "deepseek-legacy"}) {
    EXPECT_TRUE(read((std::string(R"({"reasoning_format":")") + format + "\"}").c_str()).apart);
  }
}

TEST(ReasoningRequest, WhoInsists) {
  EXPECT_TRUE(read(R"({"think":true})", Dialect::kOllama).insists);
  EXPECT_TRUE(read(R"({"reasoning":"high"})", Dialect::kLmStudio).insists);
  EXPECT_FALSE(read(R"({"reasoning_effort":"high"})").insists);
  EXPECT_FALSE(read(R"({"thinking":{"type":"enabled","budget_tokens":9}})", Dialect::kAnthropic).insists);
}

TEST(ReasoningRequest, WrongShapesNameTheField) {
  const std::tuple<const char*, Dialect, const char*> wrong[] = {
      {R"({"reasoning_effort":5})", Dialect::kOpenAi, "reasoning_effort"},
      {R"({"reasoning_effort":"much"})", Dialect::kOpenAi, "reasoning_effort"},
      {R"({"reasoning":5})", Dialect::kOpenAi, "reasoning"},
      {R"({"reasoning":{"effort":"much"}})", Dialect::kOpenAi, "reasoning.effort"},
      {R"({"reasoning_format":"raw"})", Dialect::kOpenAi, "reasoning_format"},
      {R"({"reasoning_budget":1.5})", Dialect::kOpenAi, "reasoning_budget"},
      {R"({"enable_thinking":"yes"})", Dialect::kOpenAi, "enable_thinking"},
      {R"({"think":5})", Dialect::kOllama, "think"},
      {R"({"think":"deeply"})", Dialect::kOllama, "think"},
      {R"({"thinking":true})", Dialect::kAnthropic, "thinking"},
      {R"({"thinking":{}})", Dialect::kAnthropic, "thinking.type"},
      {R"({"thinking":{"type":"deep"}})", Dialect::kAnthropic, "thinking.type"},
      {R"({"thinking":{"type":"enabled","budget_tokens":-1}})", Dialect::kAnthropic, "thinking.budget_tokens"},
      {R"({"reasoning":"much"})", Dialect::kLmStudio, "reasoning"}};
  for (const auto& [body, dialect, field] : wrong) {
    const Checked<ReasoningWishes> wishes = read_reasoning(Json::parse(body), dialect);
    ASSERT_FALSE(wishes.ok()) << body;
    EXPECT_EQ(wishes.error().param, field) << body;
  }
}

}  // namespace
}  // namespace hearth::server
