// Lines that are indented too little, however the text is cut into pieces.
#include "text/indent_limit.h"

#include <gtest/gtest.h>

#include <string_view>

namespace hearth::text {
namespace {

// What is let through, with "|" where the answer ended.
std::string through(int64_t least, std::string_view text, size_t step) {
  IndentLimit limit(least);
  std::string result;
  for (size_t begin = 0; begin < text.size(); begin += step) {
    std::string piece(text.substr(begin, step));
    const bool ended = limit.cut(&piece);
    result += piece;
    if (ended) return result + "|";
  }
  return result;
}

TEST(IndentLimit, EndsBeforeTheLineThatIsTooFarLeft) {
  for (const size_t step : {1u, 2u, 3u, 100u}) {
    EXPECT_EQ(through(4, "x = 1\n    y\n\t\t\t\tz\n  w\n", step), "x = 1\n    y\n\t\t\t\tz\n  |");
    EXPECT_EQ(through(2, "a\n  b\n\n  c", step), "a\n  b\n|");
    EXPECT_EQ(through(2, "a\nb", step), "a\n|");
    EXPECT_EQ(through(2, "first line is free", step), "first line is free");
    EXPECT_EQ(through(1, "a\n b\n  c\n ", step), "a\n b\n  c\n ");
    EXPECT_EQ(through(0, "a\nb\n\nc", step), "a\nb\n\nc");
  }
}

TEST(IndentLimit, NothingComesAfterTheEnd) {
  IndentLimit limit(1);
  std::string piece = "a\nb";
  EXPECT_TRUE(limit.cut(&piece));
  piece = "c";
  EXPECT_TRUE(limit.cut(&piece));
}

}  // namespace
}  // namespace hearth::text
