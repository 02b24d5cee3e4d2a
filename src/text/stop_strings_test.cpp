// Stop strings over every way to cut a text into pieces: the same answer each time, and never a byte of a stop string.
#include "text/stop_strings.h"

#include <gtest/gtest.h>

#include <random>

namespace hearth::text {
namespace {

struct Outcome {
  std::string text;
  std::string matched;
  bool operator==(const Outcome&) const = default;
};

// `cuts`: bit i set means a piece ends after byte i.
Outcome run(const std::string& text, const std::vector<std::string>& stops, uint64_t cuts) {
  StopStrings strings(stops);
  std::string out;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && (cuts >> i & 1) == 0) continue;
    if (strings.push(std::string_view(text).substr(begin, i + 1 - begin), &out)) break;
    begin = i + 1;
  }
  if (!strings.stopped()) strings.finish(&out);
  return {out, strings.matched()};
}

void expect_always(const std::string& text, const std::vector<std::string>& stops, const Outcome& want) {
  ASSERT_LE(text.size(), 14u);
  for (uint64_t cuts = 0; cuts < uint64_t{1} << (text.size() - 1); ++cuts) {
    const Outcome got = run(text, stops, cuts);
    ASSERT_EQ(got.text, want.text) << cuts;
    ASSERT_EQ(got.matched, want.matched) << cuts;
  }
}

TEST(StopStrings, EveryCutGivesTheSameAnswer) {
  expect_always("hello world", {}, {"hello world", ""});
  expect_always("hello STOP it", {"STOP"}, {"hello ", "STOP"});
  expect_always("STOP", {"STOP"}, {"", "STOP"});
  expect_always("hello STO", {"STOP"}, {"hello STO", ""});
  expect_always("aaab", {"aab"}, {"a", "aab"});
  expect_always("ababac", {"abac"}, {"ab", "abac"});
  expect_always("xabcy", {"abcd", "bc"}, {"xa", "bc"});   // the longer one never comes
  expect_always("xabcd", {"abcd", "bc"}, {"xa", "bc"});   // complete first
  expect_always("xabc", {"bc", "abc"}, {"x", "abc"});     // complete together: the longest
  expect_always("\n\nUser:", {"\nUser:", "###"}, {"\n", "\nUser:"});
  expect_always("na\xc3\xafve\xe2\x80\xa6", {"\xe2\x80\xa6"}, {"na\xc3\xafve", "\xe2\x80\xa6"});
}

TEST(StopStrings, AgreesWithSearchingTheWholeText) {
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string text(1 + random() % 40, ' ');
    for (char& byte : text) byte = static_cast<char>('a' + random() % 2);
    std::vector<std::string> stops(1 + random() % 3);
    for (std::string& stop : stops) {
      stop.resize(1 + random() % 6);
      for (char& byte : stop) byte = static_cast<char>('a' + random() % 2);
    }
    Outcome want{text, ""};
    size_t first_end = std::string::npos;
    for (const std::string& stop : stops) {
      const size_t place = text.find(stop);
      if (place == std::string::npos) continue;
      const size_t end = place + stop.size();
      if (end < first_end || (end == first_end && stop.size() > want.matched.size())) {
        first_end = end;
        want = {text.substr(0, place), stop};
      }
    }
    const Outcome got = run(text, stops, (uint64_t{random()} << 32) | random());
    ASSERT_EQ(got.text, want.text) << text;
    ASSERT_EQ(got.matched, want.matched) << text;
  }
}

TEST(StopStrings, HoldsBackOnlyWhatMayMatch) {
  StopStrings strings({"</end>"});
  std::string out;
  EXPECT_FALSE(strings.push("text <", &out));
  EXPECT_EQ(out, "text ");
  EXPECT_FALSE(strings.push("/e", &out));
  EXPECT_EQ(out, "text ");
  EXPECT_FALSE(strings.push("x", &out));
  EXPECT_EQ(out, "text </ex");
  EXPECT_FALSE(strings.push("</end", &out));
  EXPECT_TRUE(strings.push("> more", &out));
  EXPECT_EQ(out, "text </ex");
  EXPECT_TRUE(strings.push("ignored", &out));
  EXPECT_EQ(out, "text </ex");
}

TEST(StopStrings, Limits) {
  EXPECT_TRUE(validate_stop_strings({"a", std::string(kMaxStopStringBytes, 'x')}).ok());
  EXPECT_EQ(validate_stop_strings({"a", ""}).error().message, "stop string 2 has 0 bytes; it must have 1 to 1024");
  EXPECT_FALSE(validate_stop_strings({std::string(kMaxStopStringBytes + 1, 'x')}).ok());
  EXPECT_FALSE(validate_stop_strings(std::vector<std::string>(kMaxStopStrings + 1, "x")).ok());
}

}  // namespace
}  // namespace hearth::text
