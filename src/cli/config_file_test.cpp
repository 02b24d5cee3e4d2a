// Options from a TOML file: types, lists, precedence, and errors that say where.
#include "cli/config_file.h"

#include <gtest/gtest.h>

#include "CLI/CLI.hpp"
#include "base/atomic_file.h"

namespace hearth::cli {
namespace {

struct Verb {
  CLI::App app;
  int sessions = 4;
  double share = 0;
  bool airgap = false;
  std::string keep_alive = "5m";
  std::vector<std::string> listen;

  Verb() {
    app.add_option("--sessions", sessions)->check(CLI::Range(1, 256));
    app.add_option("--share", share);
    app.add_flag("--airgap", airgap);
    app.add_option("--keep-alive", keep_alive);
    app.add_option("--listen", listen);
  }
  std::string apply(const std::string& toml, const std::string& command_line = "") {
    const std::string path = testing::TempDir() + "config_file_test.toml";
    EXPECT_TRUE(write_file_atomically(path, toml).ok());
    app.parse(command_line);
    const Result<void> done = apply_config_file(&app, path);
    return done.ok() ? "" : done.error().message.substr(path.size());
  }
};

TEST(ConfigFile, EveryTypeOfValue) {
  Verb verb;
  EXPECT_EQ(verb.apply("sessions = 8\nshare = 0.5\nairgap = true\nkeep_alive = '1h'\nlisten = ['127.0.0.1:1', '127.0.0.1:2']"), "");
  EXPECT_EQ(verb.sessions, 8);
  EXPECT_EQ(verb.share, 0.5);
  EXPECT_TRUE(verb.airgap);
  EXPECT_EQ(verb.keep_alive, "1h");
  EXPECT_EQ(verb.listen, (std::vector<std::string>{"127.0.0.1:1", "127.0.0.1:2"}));
}

TEST(ConfigFile, TheCommandLineWins) {
  Verb verb;
  EXPECT_EQ(verb.apply("sessions = 8\nlisten = 'a:1'", "--sessions 2"), "");
  EXPECT_EQ(verb.sessions, 2);
  EXPECT_EQ(verb.listen, (std::vector<std::string>{"a:1"}));
}

TEST(ConfigFile, ErrorsSayWhere) {
  EXPECT_EQ(Verb().apply("session = 8"), ": 'session' is no option; did you mean sessions?");
  EXPECT_NE(Verb().apply("sessions = 1000").find("'sessions': "), std::string::npos);
  EXPECT_NE(Verb().apply("sessions = {}").find("must be text"), std::string::npos);
  EXPECT_NE(Verb().apply("a = [").find(", line 1"), std::string::npos);
  EXPECT_NE(Verb().apply("help = true").find("is no option"), std::string::npos);
}

}  // namespace
}  // namespace hearth::cli
