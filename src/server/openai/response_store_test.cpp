// Responses are kept within their bounds, oldest first out, and found by their ids only.
#include "server/openai/response_store.h"

#include <gtest/gtest.h>

namespace hearth::server::openai {
namespace {

StoredResponse response(const std::string& id, size_t bytes = 0) {
  return {id, {{"id", id}, {"text", std::string(bytes, 'x')}}, Json::array(), Json::array({{{"role", "user"}, {"content", id}}})};
}

TEST(ResponseStore, GivesBackWhatWasPut) {
  ResponseStore store;
  store.put(response("a"));
  const std::optional<StoredResponse> found = store.find("a");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->object["id"], "a");
  EXPECT_EQ(found->messages[0]["content"], "a");
  EXPECT_FALSE(store.find("b"));
  EXPECT_TRUE(store.erase("a"));
  EXPECT_FALSE(store.erase("a"));
  EXPECT_FALSE(store.find("a"));
}

TEST(ResponseStore, TheOldestMakeRoom) {
  ResponseStore by_number(2, 1 << 20);
  for (const char* id : {"a", "b", "c"}) by_number.put(response(id));
  EXPECT_FALSE(by_number.find("a"));
  EXPECT_TRUE(by_number.find("b") && by_number.find("c"));

  ResponseStore by_bytes(100, 1000);
  by_bytes.put(response("a", 600));
  by_bytes.put(response("b", 600));
  EXPECT_FALSE(by_bytes.find("a"));
  EXPECT_TRUE(by_bytes.find("b"));
  by_bytes.put(response("c", 5000));  // larger than everything: is not kept, and drives nobody out
  EXPECT_FALSE(by_bytes.find("c"));
  EXPECT_TRUE(by_bytes.find("b"));
  EXPECT_TRUE(by_bytes.erase("b"));
  by_bytes.put(response("d", 600));
  EXPECT_TRUE(by_bytes.find("d"));
}

}  // namespace
}  // namespace hearth::server::openai
