// Chats on disk: the way there and back, names, damaged files.
#include "cli/chat/saved_chat.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cli/chat/history_file.h"

namespace hearth::cli {
namespace {

class SavedChatTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (std::filesystem::temp_directory_path() / "hearth-chat-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    home_ = folder;
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(home_ + "/chats");
    std::ofstream(home_ + "/chats/" + name + ".json") << text;
  }

  std::string home_;
};

TEST_F(SavedChatTest, ThereAndBack) {
  SavedChat chat;
  chat.model = "smollm2:135m";
  chat.system = "Be \"brief\".\n";
  chat.messages = {{"user", "gr\xc3\xbc" "ezi"}, {"assistant", "a\x01" "b"}};
  ASSERT_TRUE(set_parameter(&chat.generation, "top_k", {"3"}).ok());
  ASSERT_TRUE(save_chat(home_, "first:one", chat).ok());
  ASSERT_TRUE(save_chat(home_, "other", chat).ok());
  EXPECT_EQ(saved_chat_names(home_), (std::vector<std::string>{"first:one", "other"}));
  const auto back = load_chat(home_, "first:one");
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->model, chat.model);
  EXPECT_EQ(back->system, chat.system);
  ASSERT_EQ(back->messages.size(), 2u);
  EXPECT_EQ(back->messages[1].content, chat.messages[1].content);
  EXPECT_EQ(parameter_values(back->generation), parameter_values(chat.generation));
  struct stat status {};
  ASSERT_EQ(stat((home_ + "/chats/other.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(SavedChatTest, NamesAreOneComponent) {
  for (const std::string& name : std::vector<std::string>{"", "../x", "a/b", ".hidden", "a b", "a\n"}) {
    EXPECT_EQ(save_chat(home_, name, {}).error().code, ErrorCode::kInvalidArgument) << name;
    EXPECT_EQ(load_chat(home_, name).error().code, ErrorCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(load_chat(home_, "absent").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(saved_chat_names(home_ + "/absent").empty());
}

TEST_F(SavedChatTest, DamagedFilesAreRefusedWithTheReason) {
  const std::string head = R"({"format":"hearth chat","version":1,"model":"m","system":"","parameters":{},"messages":)";
  write("good", head + R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"}]})");
  EXPECT_TRUE(load_chat(home_, "good").ok());
  for (const std::string& text : {std::string(), std::string("[]"), std::string("{}"), std::string("{\"format\":1}"),
                                 std::string(R"({"format":"hearth chat","version":2})"), head + "3}", head + "[3]}",
                                 head + R"([{"role":"system","content":"a"}]})", head + R"([{"role":"user"}]})",
                                 head + R"([{"role":"user","content":"a"}]})",
                                 head + R"([{"role":"user","content":1},{"role":"assistant","content":"b"}]})"}) {
    write("bad", text);
    const auto result = load_chat(home_, "bad");
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(result.error().code, ErrorCode::kCorrupt) << text;
    EXPECT_NE(result.error().message.find("bad.json"), std::string::npos) << result.error().message;
  }
}

TEST_F(SavedChatTest, HistoryKeepsTheNewest) {
  const HistoryFile history(home_);
  EXPECT_TRUE(history.load().empty());
  for (int i = 0; i < 2100; ++i) history.append("entry " + std::to_string(i) + "\nsecond line");
  std::ofstream(home_ + "/chat_history", std::ios::app) << "damaged\n";
  const std::vector<std::string> entries = history.load();
  ASSERT_EQ(entries.size(), 1000u);
  EXPECT_EQ(entries.back(), "entry 2099\nsecond line");
  EXPECT_EQ(history.load(), entries);  // from the shortened file
  struct stat status {};
  ASSERT_EQ(stat((home_ + "/chat_history").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_LT(status.st_size, 60000);
}

}  // namespace
}  // namespace hearth::cli
