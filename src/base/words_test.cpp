// Near names, and sizes, counts and durations in words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/nearest.h"
#include "base/units.h"

namespace hearth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Nearest, PrefixesThenTypingMistakes) {
  const std::vector<std::string> names = {"pull", "list", "show", "rm", "qwen2.5-coder:1.5b", "qwen2.5-coder:0.5b"};
  EXPECT_THAT(nearest("pul", names), ElementsAre("pull"));
  EXPECT_THAT(nearest("lsit", names), ElementsAre("list"));
  EXPECT_THAT(nearest("SHOW", names), ElementsAre("show"));
  EXPECT_THAT(nearest("coder", names), ElementsAre("qwen2.5-coder:1.5b", "qwen2.5-coder:0.5b"));
  EXPECT_THAT(nearest("qwen2.5-coder:2b", names), ElementsAre("qwen2.5-coder:1.5b", "qwen2.5-coder:0.5b"));
  EXPECT_THAT(nearest("nothing", names), IsEmpty());
  EXPECT_THAT(nearest("", names), IsEmpty());
  EXPECT_THAT(nearest(std::string(100000, 'x'), names), IsEmpty());
}

TEST(Nearest, JoinOr) {
  EXPECT_EQ(join_or({}), "");
  EXPECT_EQ(join_or({"a"}), "a");
  EXPECT_EQ(join_or({"a", "b"}), "a or b");
  EXPECT_EQ(join_or({"a", "b", "c"}), "a, b or c");
}

TEST(Units, Bytes) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.00 kB");
  EXPECT_EQ(format_bytes(98362432), "98.4 MB");
  EXPECT_EQ(format_bytes(999499999), "999 MB");
  EXPECT_EQ(format_bytes(999500000), "1.00 GB");
  EXPECT_EQ(format_bytes(1117320768), "1.12 GB");
  EXPECT_EQ(format_bytes(UINT64_MAX), "18447 PB");
}

TEST(Units, CountsAndDurations) {
  EXPECT_EQ(format_count(134515008), "135M");
  EXPECT_EQ(format_count(1543714304), "1.54B");
  EXPECT_EQ(format_count(7), "7");
  EXPECT_EQ(format_duration(0.2), "0 s");
  EXPECT_EQ(format_duration(59.6), "1 min 00 s");
  EXPECT_EQ(format_duration(125), "2 min 05 s");
  EXPECT_EQ(format_duration(3720), "1 h 02 min");
  EXPECT_EQ(format_duration(-1), "0 s");
}

}  // namespace
}  // namespace hearth
