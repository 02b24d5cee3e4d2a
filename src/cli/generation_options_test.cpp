// Parameters by name: setting, ranges, the way through JSON and back, and the words of commands.
#include "cli/generation_options.h"

#include <gtest/gtest.h>

#include "cli/chat/chat.h"
#include "cli/chat/commands.h"
#include "cli/input.h"
#include "nlohmann/json.hpp"

namespace hearth::cli {
namespace {

TEST(GenerationOptions, SetByName) {
  GenerationOptions options;
  EXPECT_TRUE(set_parameter(&options, "temperature", {"0.25"}).ok());
  EXPECT_EQ(options.generate.sampler.temperature, 0.25f);
  EXPECT_TRUE(set_parameter(&options, "top_k", {"7"}).ok());
  EXPECT_EQ(options.generate.sampler.top_k, 7);
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"typical_p", "0.9"}, {"top_n_sigma", "1.5"}, {"xtc_probability", "0.5"}, {"xtc_threshold", "0.2"}, {"dynatemp_range", "0.3"},
           {"dynatemp_exponent", "2"}, {"mirostat", "2"}, {"mirostat_tau", "4"}, {"mirostat_eta", "0.2"}, {"dry_multiplier", "0.8"},
           {"dry_base", "2"}, {"dry_allowed_length", "3"}, {"dry_penalty_last_n", "-1"}}) {
    EXPECT_TRUE(set_parameter(&options, name, {value}).ok()) << name;
  }
  EXPECT_EQ(options.generate.sampler.dry_window, -1);
  EXPECT_EQ(options.generate.sampler.mirostat, 2);
  EXPECT_TRUE(set_parameter(&options, "seed", {"18446744073709551615"}).ok());
  EXPECT_EQ(for_one_answer(options).sampler.seed, UINT64_MAX);
  EXPECT_TRUE(set_parameter(&options, "seed", {"random"}).ok());
  EXPECT_FALSE(options.seed.has_value());
  EXPECT_TRUE(set_parameter(&options, "stop", {"a", "b c"}).ok());
  EXPECT_EQ(options.generate.stop, (std::vector<std::string>{"a", "b c"}));
  EXPECT_TRUE(set_parameter(&options, "num_predict", {"-1"}).ok());
}

TEST(GenerationOptions, RefusesAndKeeps) {
  GenerationOptions options;
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{{"temperature", "hot"},
                                                                                    {"temperature", "-1"},
                                                                                    {"temperature", "nan"},
                                                                                    {"top_p", "1.5"},
                                                                                    {"top_k", "2.5"},
                                                                                    {"top_k", "99999999999"},
                                                                                    {"num_predict", "-2"},
                                                                                    {"mirostat", "3"},
                                                                                    {"dynatemp_range", "-1"},
                                                                                    {"dry_penalty_last_n", "-2"},
                                                                                    {"dry_base", "0.5"},
                                                                                    {"seed", "-1"},
                                                                                    {"stop", ""},
                                                                                    {"warmth", "1"}}) {
    const auto result = set_parameter(&options, name, {value});
    ASSERT_FALSE(result.ok()) << name << " " << value;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(result.error().message.find(name), std::string::npos) << result.error().message;
  }
  EXPECT_FALSE(set_parameter(&options, "top_k", {"1", "2"}).ok());
  EXPECT_EQ(parameter_values(options), parameter_values(GenerationOptions{}));
}

TEST(GenerationOptions, ThroughJsonAndBack) {
  GenerationOptions options, back;
  ASSERT_TRUE(set_parameter(&options, "temperature", {"0.7"}).ok());
  ASSERT_TRUE(set_parameter(&options, "min_p", {"0.05"}).ok());
  ASSERT_TRUE(set_parameter(&options, "seed", {"12345678901234567890"}).ok());
  ASSERT_TRUE(set_parameter(&options, "stop", {"\n\n", "\"quoted\""}).ok());
  const std::string text = parameters_to_json(options).dump();
  EXPECT_NE(text.find("\"temperature\":0.7,"), std::string::npos) << text;
  ASSERT_TRUE(parameters_from_json(nlohmann::ordered_json::parse(text), &back).ok());
  EXPECT_EQ(parameter_values(back), parameter_values(options));
  EXPECT_EQ(back.generate.stop, options.generate.stop);
  for (const char* wrong : {"[]", "{\"temperature\": \"1\"}", "{\"temperature\": 1000}", "{\"stop\": [1]}", "{\"other\": 1}"}) {
    EXPECT_FALSE(parameters_from_json(nlohmann::ordered_json::parse(wrong), &back).ok()) << wrong;
  }
}

using Words = std::vector<std::string>;

TEST(Commands, Words) {
  EXPECT_EQ(split_words("/set  parameter\ttop_k 5"), (Words{"/set", "parameter", "top_k", "5"}));
  EXPECT_EQ(split_words("/set system \"a \\\"b\\\" \\\\ c\""), (Words{"/set", "system", "a \"b\" \\ c"}));
  EXPECT_EQ(split_words("/set system \"\"\"two\nlines\"\"\""), (Words{"/set", "system", "two\nlines"}));
  EXPECT_EQ(split_words("x \"\" y"), (Words{"x", "", "y"}));
  EXPECT_EQ(split_words("x \"open"), (Words{"x", "open"}));
  EXPECT_EQ(split_words("x \"\"\"open"), (Words{"x", "open"}));
  EXPECT_TRUE(split_words(" \n").empty());
}

TEST(Chat, ModelTextCannotSteerTheTerminal) {
  EXPECT_EQ(safe_for_terminal("plain\ttext\n\xc3\xa9\xe2\x82\xac"), "plain\ttext\n\xc3\xa9\xe2\x82\xac");
  EXPECT_EQ(safe_for_terminal("\x1b[31mred\x1b]0;title\x07\r\b"), "[31mred]0;title");
  EXPECT_EQ(safe_for_terminal("a\xc2\x9b" "31mb\x7f"), "a31mb");  // C1 control, delete
  EXPECT_EQ(safe_for_terminal(std::string_view("a\0b", 3)), "ab");
  EXPECT_EQ(safe_for_terminal("a\x9b" "b"), "a\xef\xbf\xbd" "b");
}

TEST(Input, TokenIds) {
  const auto ids = parse_token_ids(" 1\n22\t333\r\n", 400);
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(*ids, (std::vector<int32_t>{1, 22, 333}));
  EXPECT_TRUE(parse_token_ids("", 400)->empty());
  for (const char* wrong : {"400", "-1", "1 x", "1,2", "4e1", "99999999999999999999"}) {
    EXPECT_EQ(parse_token_ids(wrong, 400).error().code, ErrorCode::kInvalidArgument) << wrong;
  }
  EXPECT_NE(parse_token_ids("7 400", 400).error().message.find("token 2 of the file, '400',"), std::string::npos);
}

}  // namespace
}  // namespace hearth::cli
