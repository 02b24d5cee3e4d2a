// Every route is described, and every name in the description is the name of something.
#include "server/openapi/openapi.h"

#include <gtest/gtest.h>

#include "server/routes.h"

namespace hearth::server {
namespace {

void collect_references(const Json& node, std::vector<std::string>* found) {
  if (node.is_object() && node.contains("$ref")) found->push_back(node["$ref"]);
  if (!node.is_structured()) return;
  for (const Json& child : node) collect_references(child, found);
}

TEST(OpenApi, EveryRouteHasAnAnswerOfAKnownShape) {
  const Json document = openapi_document("1");
  for (const Route& route : all_routes()) {
    std::string path = route.path;
    if (path.ends_with("/*")) path.replace(path.size() - 1, 1, "{name}");
    const Json& methods = document["paths"][path];
    const char* method = route.method[0] == 'G' ? "get" : route.method[0] == 'D' ? "delete" : route.method[0] == 'H' ? "head" : "post";
    ASSERT_TRUE(methods.contains(method)) << path;
    const Json& operation = methods[method];
    if (operation["responses"].contains("200")) {  // else it refuses
      const Json& answer = operation["responses"]["200"];
      EXPECT_TRUE(answer.contains("content") || answer["description"] != "The answer") << route.method << " " << path
                                                                                       << " has no entry in shapes.json";
    }
    EXPECT_TRUE(operation.contains("requestBody") || route.method != std::string("POST")) << path;
  }
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  const Json document = openapi_document("1");
  std::vector<std::string> references;
  collect_references(document, &references);
  EXPECT_GT(references.size(), 50u);
  for (const std::string& reference : references) {
    EXPECT_TRUE(document.contains(Json::json_pointer(reference.substr(1)))) << reference;
  }
}

TEST(OpenApi, ShapesBecomeSchemas) {
  const Json schemas = openapi_document("1")["components"]["schemas"];
  EXPECT_EQ(schemas["AnthropicCount"],
            Json::parse(R"({"type":"object","properties":{"input_tokens":{"type":"integer"}},"required":["input_tokens"]})"));
  EXPECT_EQ(schemas["Completions"], Json::parse(R"({"type":"array","items":{"$ref":"#/components/schemas/Completion"}})"));
  EXPECT_EQ(schemas["AnthropicAsked"]["properties"]["content"],
            Json::parse(R"({"anyOf":[{"type":"string"},{"$ref":"#/components/schemas/AnthropicBlocks"}]})"));
  EXPECT_EQ(schemas["Options"]["properties"]["top_p"], Json::parse(R"({"type":["number","null"],"minimum":0.0,"maximum":1.0})"));
}

}  // namespace
}  // namespace hearth::server
