// UTF-8: the table of the Unicode standard, replacement, stream tails and printing.
#include "base/utf8.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(Utf8, EveryCodePointRoundTrips) {
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string text;
    append_utf8(&text, code);
    const Utf8Step step = utf8_step(text, 0);
    ASSERT_TRUE(step.valid) << static_cast<uint32_t>(code);
    ASSERT_EQ(static_cast<uint32_t>(step.code), static_cast<uint32_t>(code));
    ASSERT_EQ(static_cast<size_t>(step.length), text.size());
    for (size_t cut = 1; cut < text.size(); ++cut) {
      ASSERT_FALSE(is_valid_utf8(std::string_view(text).substr(0, cut))) << static_cast<uint32_t>(code);
      ASSERT_EQ(utf8_incomplete_tail(std::string_view(text).substr(0, cut)), cut) << static_cast<uint32_t>(code);
    }
    ASSERT_EQ(utf8_incomplete_tail(text), 0u);
  }
}

TEST(Utf8, IllFormedSequencesAreRefused) {
  for (const char* text : {"\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
                           "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80",
                           "\xBF", "\xFE", "\xFF", "a\xC3", "12345678\xC3(", "\xE2\x82"}) {
    EXPECT_FALSE(is_valid_utf8(text)) << printable(text);
  }
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(
      is_valid_utf8("plain text of more than eight bytes, Gr\xC3\xBC\xC3\x9F"
                    "e \xF0\x9F\x99\x82"));
}

// Example of the Unicode standard, section 3.9, table 3-8: one U+FFFD for each maximal part.
TEST(Utf8, ReplacementFollowsTheStandard) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(replace_invalid_utf8("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64"),
            "a" + r + r + r + "b" + r + "c" + r + r + "d");
}

TEST(Utf8, SurrogatesAreNeverWritten) {
  std::string text;
  append_utf8(&text, 0xD800);
  append_utf8(&text, 0x110000);
  EXPECT_EQ(text, "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Utf8, TailOfBrokenTextIsNotHeldBack) {
  EXPECT_EQ(utf8_incomplete_tail("a\x80"), 0u);
  EXPECT_EQ(utf8_incomplete_tail("\x80\x80\x80\x80"), 0u);
  EXPECT_EQ(utf8_incomplete_tail("\xE0\x80"), 0u);  // can never become a character
  EXPECT_EQ(utf8_incomplete_tail("\xFF"), 0u);
  EXPECT_EQ(utf8_incomplete_tail(""), 0u);
}

TEST(Utf8, PrintableEscapesWhatCouldActOnATerminal) {
  EXPECT_EQ(printable("a\x1b[31m\n\xC2\x9B\xE2\x80\xAE\xFFz"), "a\\x1b[31m\\n\\u009b\\u202e\\xffz");
  EXPECT_EQ(printable("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("ab\xC3\xA9", 3), "ab...");
}

}  // namespace
}  // namespace hearth
