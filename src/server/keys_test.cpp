// Keys on disk: made, read back, removed; files that others can read and damaged ones are refused.
#include "server/keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/atomic_file.h"

namespace hearth::server {
namespace {

class Keys : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "hearth-keys-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = folder_ + "/deep/keys.toml";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_, path_;
};

TEST_F(Keys, AreMadeReadAndRemoved) {
  EXPECT_TRUE(read_keys(path_)->empty());
  const Result<std::string> first = add_key(path_, "laptop", Scope::kInfer);
  const Result<std::string> second = add_key(path_, "admin@desk", Scope::kManage);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->size(), 7u + 64u);
  EXPECT_NE(*first, *second);
  const Result<std::vector<ApiKey>> keys = read_keys(path_);
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ((*keys)[0].name, "laptop");
  EXPECT_EQ((*keys)[0].sha256, hash_of_key(*first));
  EXPECT_EQ((*keys)[1].scope, Scope::kManage);
  EXPECT_EQ(read_small_file(path_, 1 << 20)->find(*first), std::string::npos);
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_TRUE(*remove_key(path_, "laptop"));
  EXPECT_FALSE(*remove_key(path_, "laptop"));
  EXPECT_EQ(read_keys(path_)->size(), 1u);
}

TEST_F(Keys, NamesAreCheckedAndUnique) {
  ASSERT_TRUE(add_key(path_, "a", Scope::kInfer).ok());
  EXPECT_FALSE(add_key(path_, "a", Scope::kManage).ok());
  for (const char* bad : {"", "a b", "a\n", "\"", "../x", "\xc3\xa9"}) EXPECT_FALSE(add_key(path_, bad, Scope::kInfer).ok()) << bad;
  EXPECT_FALSE(add_key(path_, std::string(65, 'x'), Scope::kInfer).ok());
}

TEST_F(Keys, FilesOfOthersAndDamagedFilesAreRefused) {
  ASSERT_TRUE(add_key(path_, "a", Scope::kInfer).ok());
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  EXPECT_EQ(read_keys(path_).error().code, ErrorCode::kPermission);
  const std::string hash(64, 'a');
  for (const std::string& bad : std::vector<std::string>{"key = [", "[[key]]\nname = 'x'", "key = [1]",
                                 "[[key]]\nname = 'x'\nsha256 = '" + hash + "'\nscope = 'root'",
                                 "[[key]]\nname = 'x'\nsha256 = 'abc'\nscope = 'infer'"}) {
    ASSERT_TRUE(write_file_atomically(path_, bad, 0600).ok());
    EXPECT_EQ(read_keys(path_).error().code, ErrorCode::kCorrupt) << bad;
  }
}

TEST(KeyHash, IsSha256) {  // FIPS 180-2, appendix B.1
  EXPECT_EQ(hash_of_key("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace hearth::server
