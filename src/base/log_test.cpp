// Lines as people, programs and the journal read them.
#include "base/log.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

constexpr int64_t kTime = 1'700'000'000'987'654'321;  // 2023-11-14T22:13:20.987Z

TEST(Log, TextIsForPeople) {
  const LogOptions options;
  EXPECT_EQ(format_log_line(options, false, kTime, LogLevel::kInfo, "listening", {{"port", int64_t{1}}}), "hearth: listening");
  EXPECT_EQ(format_log_line(options, false, kTime, LogLevel::kError, "two\nlines", {}), "hearth: error: two lines");
  LogOptions timed;
  timed.times = true;
  const std::string line = format_log_line(timed, false, kTime, LogLevel::kWarning, "late", {});
  EXPECT_EQ(line.size(), std::string("hearth: 2023-11-14 22:13:20 warning: late").size());
  EXPECT_TRUE(line.starts_with("hearth: 2023-11-1"));  // the day depends on the zone
}

TEST(Log, TheJournalGetsPrioritiesAndHasItsOwnTime) {
  LogOptions options;
  options.times = true;
  EXPECT_EQ(format_log_line(options, true, kTime, LogLevel::kInfo, "here", {}), "<6>here");
  EXPECT_EQ(format_log_line(options, true, kTime, LogLevel::kError, "here", {}), "<3>error: here");
  options.format = LogFormat::kJson;
  EXPECT_TRUE(format_log_line(options, true, kTime, LogLevel::kWarning, "here", {}).starts_with("<4>{\"time\":"));
}

TEST(Log, JsonHasTheFieldsAndIsOneLineWhateverTheyHold) {
  LogOptions options;
  options.format = LogFormat::kJson;
  const LogFields fields = {{"text", std::string("a \"quote\" \\ \n \xff \x01")}, {"count", int64_t{-5}}, {"ratio", 0.25},
                            {"none", 1.0 / 0.0}, {"flag", true}};
  EXPECT_EQ(format_log_line(options, false, kTime, LogLevel::kDebug, "what", fields),
            "{\"time\":\"2023-11-14T22:13:20.987Z\",\"level\":\"debug\",\"message\":\"what\","
            "\"text\":\"a \\\"quote\\\" \\\\ \\u000a \xef\xbf\xbd \\u0001\",\"count\":-5,\"ratio\":0.25,\"none\":null,\"flag\":true}");
}

TEST(Log, LevelsHaveNames) {
  EXPECT_EQ(log_level_named("debug"), LogLevel::kDebug);
  EXPECT_EQ(log_level_named("loud"), std::nullopt);
}

}  // namespace
}  // namespace hearth
