// What requests may say about adapters, and what is wrong with the rest.
#include "server/adapters.h"

#include <gtest/gtest.h>

namespace hearth::server {
namespace {

Checked<std::optional<AdapterSet>> asked(const std::string& body) { return read_adapters(*parse_json(body)); }

TEST(Adapters, AListNamesThemInAnyOrder) {
  auto read = asked(R"({"lora":[{"id":3,"scale":0.5},{"id":0,"scale":-2,"name":"other members do not matter"}]})");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(**read, (AdapterSet{{3, 0.5f}, {0, -2.0f}}));
  EXPECT_EQ(to_text(adapters_to_json(**read)), R"([{"id":3,"scale":0.5},{"id":0,"scale":-2.0}])");
}

TEST(Adapters, NoListAndAnEmptyOneAskForNothing) {
  for (const char* body : {"{}", R"({"lora":null})", R"({"lora":[]})", R"({"lora":{}})"}) {
    auto read = asked(body);
    ASSERT_TRUE(read.ok()) << body;
    EXPECT_FALSE(read->has_value()) << body;
  }
}

TEST(Adapters, WhatIsWrongIsNamed) {
  for (const auto& [list, problem] : {std::pair{R"("a")", "'lora' must be a list"},
                                      {R"({"id":0,"scale":1})", "'lora' must be a list"},
                                      {"[1]", "'lora[0]' must be an object"},
                                      {R"([{"id":0,"scale":1},{"scale":1}])", "'lora[1].id' must be an integer"},
                                      {R"([{"id":0.5,"scale":1}])", "'lora[0].id' must be an integer"},
                                      {R"([{"id":0}])", "'lora[0].scale' must be a number"},
                                      {R"([{"id":0,"scale":"1"}])", "'lora[0].scale' must be a number"},
                                      {R"([{"id":-1,"scale":1}])", "'lora[0].id' is -1"},
                                      {R"([{"id":4294967296,"scale":1}])", "'lora[0].id' is 4294967296"},
                                      {R"([{"id":18446744073709551615,"scale":1}])", "'lora[0].id' is 18446744073709551615"},
                                      {R"([{"id":0,"scale":-1e39}])", "'lora[0].scale' is -1e+39"}}) {
    auto read = asked(std::string(R"({"lora":)") + list + "}");
    ASSERT_FALSE(read.ok()) << list;
    EXPECT_EQ(read.error().status, 400);
    EXPECT_EQ(read.error().param, "lora");
    EXPECT_NE(read.error().message.find(problem), std::string::npos) << read.error().message;
  }
  std::string many = R"({"id":0,"scale":1})";
  for (int i = 0; i < 11; ++i) many += "," + many;
  EXPECT_FALSE(asked(R"({"lora":[)" + many + "]}").ok());
}

}  // namespace
}  // namespace hearth::server
