// Tables, widths, safe printing and the line of the progress bar.
#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

TEST(Terminal, TableAlignsColumns) {
  EXPECT_EQ(format_table({{"NAME", "SIZE"}, {"longer", "1"}, {"a"}}), "NAME    SIZE\nlonger  1\na\n");
  EXPECT_EQ(format_table({}), "");
  EXPECT_EQ(widest_line("a\nbcd\n\nef"), 3);
  EXPECT_EQ(format_fields({{"a", "1"}, {"bcd", "2"}}), "a    1\nbcd  2\n");
}

TEST(Terminal, WidthCountsCharacters) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("\xC3\xA9"), 1);
  EXPECT_EQ(display_width("\xFF"), 1);
  EXPECT_EQ(display_width(""), 0);
}

TEST(Terminal, LinesCannotSteerTheTerminal) {
  EXPECT_EQ(printable_lines("a\tb\nc"), "a\tb\nc");
  EXPECT_EQ(printable_lines("\x1b[2J\r\x7f"), "\xEF\xBF\xBD[2J\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(printable_lines("\xC2\x9B\xFF"), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Terminal, ProgressSaysRateAndTimeLeft) {
  ProgressState state{"m:1", "fetching part 3 of 22", 50'000'000, 100'000'000, 2'000'000};
  EXPECT_EQ(format_progress(state, 200),
            "m:1  fetching part 3 of 22   50 %  [============            ]  50.0 MB of 100 MB  2.00 MB/s  25 s left");
  EXPECT_EQ(format_progress(state, 90),
            "m:1  fetching part 3 of 22   50 %  [=====     ]  50.0 MB of 100 MB  2.00 MB/s  25 s left");
  EXPECT_EQ(format_progress(state, 80), "m:1  fetching part 3 of 22   50 %  50.0 MB of 100 MB  2.00 MB/s  25 s left");
  EXPECT_EQ(format_progress(state, 40), "m:1  fetching part 3 of 22   50 %");
  EXPECT_EQ(format_progress(state, 0), "");
  state.done_bytes = state.total_bytes;
  EXPECT_EQ(format_progress(state, 200),
            "m:1  fetching part 3 of 22  100 %  [========================]  100 MB of 100 MB  2.00 MB/s");
  EXPECT_EQ(format_progress({"m", "waiting", 0, 0, 0}, 200), "m  waiting");
}

}  // namespace
}  // namespace hearth::cli
