// Files of remembered pages: what is read back, and 2,000 ways to be something else.
#include "engine/serving/prefix_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

namespace hearth {
namespace {

class PrefixFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (std::filesystem::temp_directory_path() / "prefix_file_XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    path_ = folder + "/page";
    tokens_ = {5, -7, 100000, 0};
    bytes_.resize(3000);
    for (size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<std::byte>(i * 37);
    page_ = {scope_digest("scope"), page_digest(scope_digest("scope"), tokens_), 4};
    ASSERT_TRUE(write_prefix_file(folder_ + "/.tmp", path_, identity_, page_, tokens_, bytes_).ok());
    std::ifstream file(path_, std::ios::binary);
    file_.assign(std::istreambuf_iterator<char>(file), {});
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void put(const std::string& bytes) { std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes; }
  Result<std::vector<int32_t>> get() {
    out_.assign(bytes_.size(), std::byte{0});
    return read_prefix_file(path_, identity_, page_, out_);
  }

  std::string folder_, path_, file_;
  Digest identity_ = sha256_of("a model");
  PrefixPage page_;
  std::vector<int32_t> tokens_;
  std::vector<std::byte> bytes_, out_;
};

TEST_F(PrefixFileTest, IsReadBack) {
  const auto tokens = get();
  ASSERT_TRUE(tokens.ok()) << tokens.error().message;
  EXPECT_EQ(*tokens, tokens_);
  EXPECT_EQ(out_, bytes_);
  EXPECT_EQ(file_.size(), 512 + bytes_.size());
  EXPECT_EQ(*read_prefix_tokens(path_, identity_, page_), tokens_);
  struct stat status;
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/.tmp"));
}

// The layout as docs/formats/prefix_cache.md states it, byte by byte.
TEST_F(PrefixFileTest, HasTheDocumentedLayout) {
  const auto digest_text = [](const Digest& digest) { return std::string(digest.begin(), digest.end()); };
  EXPECT_EQ(file_.substr(0, 16), std::string("HEARTHKV\1\0\0\0\4\0\0\0", 16));
  EXPECT_EQ(file_.substr(16, 32), digest_text(identity_));
  EXPECT_EQ(file_.substr(48, 32), digest_text(sha256_of("scope\nscope")));
  const std::string token_bytes("\5\0\0\0\xf9\xff\xff\xff\xa0\x86\1\0\0\0\0\0", 16);
  EXPECT_EQ(file_.substr(80, 32), digest_text(sha256_of("page\n" + digest_text(page_.parent) + token_bytes)));
  EXPECT_EQ(file_.substr(112, 8), std::string("\xb8\x0b\0\0\0\0\0\0", 8));
  EXPECT_EQ(file_.substr(120, 16), token_bytes);
  EXPECT_EQ(file_.substr(136, 344), std::string(344, '\0'));
  EXPECT_EQ(file_.substr(480, 32), digest_text(sha256_of(file_.substr(0, 480) + file_.substr(512))));
}

TEST_F(PrefixFileTest, NamesAreReadBackAndNothingElseIs) {
  const std::string name = prefix_file_name(page_);
  const auto page = parse_prefix_file_name(name);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->parent, page_.parent);
  EXPECT_EQ(page->own, page_.own);
  EXPECT_EQ(page->tokens, 4);
  for (const char* count : {"00", "65", "99", "-1", "4 "}) {
    std::string other = name;
    other.replace(65, 2, count);
    EXPECT_FALSE(parse_prefix_file_name(other)) << other;
  }
  EXPECT_FALSE(parse_prefix_file_name(name + "a"));
  EXPECT_FALSE(parse_prefix_file_name(name.substr(1)));
  EXPECT_FALSE(parse_prefix_file_name(""));
}

TEST_F(PrefixFileTest, TwoThousandDamagedFilesAreRefused) {
  std::mt19937 random(1);
  const auto below = [&](size_t count) { return random() % count; };
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = file_;
    switch (below(7)) {
      case 0: bytes[below(bytes.size())] ^= static_cast<char>(1 << below(8)); break;
      case 1: bytes[below(512)] ^= static_cast<char>(1 << below(8)); break;
      case 2: bytes.resize(below(bytes.size())); break;
      case 3: bytes.append(below(600) + 1, '\0'); break;
      case 4: bytes.erase(below(bytes.size()), below(64) + 1); break;
      case 5: {
        const size_t from = below(bytes.size()), count = std::min(below(64) + 1, bytes.size() - from);
        for (size_t at = from; at < from + count; ++at) bytes[at] = static_cast<char>(random());
        break;
      }
      default: {
        const uint32_t values[] = {0, 1, 64, 65, 0x7fffffff, 0x80000000, 0xffffffff};
        std::memcpy(bytes.data() + below(480 / 4) * 4, &values[below(7)], 4);
      }
    }
    if (bytes == file_) continue;
    put(bytes);
    const auto tokens = get();
    ASSERT_FALSE(tokens.ok()) << "case " << i;
    EXPECT_EQ(tokens.error().code, ErrorCode::kCorrupt) << tokens.error().message;
    EXPECT_NE(tokens.error().message.find(path_), std::string::npos);
    const auto header = read_prefix_tokens(path_, identity_, page_);
    if (header.ok()) {
      EXPECT_EQ(*header, tokens_);
    }
  }
}

TEST_F(PrefixFileTest, AWholeFileOfSomethingElseIsRefused) {
  PrefixPage other = page_;
  other.parent = scope_digest("other");
  other.own = page_digest(other.parent, tokens_);
  EXPECT_EQ(read_prefix_file(path_, identity_, other, bytes_).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(read_prefix_file(path_, sha256_of("another model"), page_, bytes_).error().code, ErrorCode::kCorrupt);
  other = page_;
  other.tokens = 3;
  EXPECT_EQ(read_prefix_file(path_, identity_, other, bytes_).error().code, ErrorCode::kCorrupt);
  // Tokens that do not belong to the name, under a digest of the whole that does match.
  std::vector<int32_t> wrong = tokens_;
  wrong[0] = 6;
  ASSERT_TRUE(write_prefix_file(folder_ + "/.tmp", path_, identity_, page_, wrong, bytes_).ok());
  EXPECT_EQ(get().error().code, ErrorCode::kCorrupt);
}

TEST_F(PrefixFileTest, LinksFoldersAndPipesAreRefused) {
  const std::string real = folder_ + "/real";
  std::filesystem::rename(path_, real);
  EXPECT_EQ(get().error().code, ErrorCode::kNotFound);
  std::filesystem::create_symlink(real, path_);
  EXPECT_EQ(get().error().code, ErrorCode::kCorrupt);
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_EQ(get().error().code, ErrorCode::kCorrupt);
  std::filesystem::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(get().error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace hearth
