// Replacing files, limits, and that failures leave the old content and no litter.
#include "base/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "base/os_error.h"

namespace hearth {
namespace {

class AtomicFileTest : public ::testing::Test {
 protected:
  AtomicFileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth-test-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  ~AtomicFileTest() override { std::filesystem::remove_all(root_); }
  size_t file_count() const {
    return std::distance(std::filesystem::directory_iterator(root_), std::filesystem::directory_iterator());
  }
  std::string root_;
};

TEST_F(AtomicFileTest, WritesAndReplaces) {
  const std::string path = root_ + "/file";
  ASSERT_TRUE(write_file_atomically(path, "one").ok());
  ASSERT_TRUE(write_file_atomically(path, std::string("two\0three", 9)).ok());
  EXPECT_EQ(*read_small_file(path, 9), std::string("two\0three", 9));
  EXPECT_EQ(file_count(), 1u);
  struct stat status {};
  stat(path.c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777, 0644u);
}

TEST_F(AtomicFileTest, FailureNamesThePathAndLeavesNothing) {
  const std::string path = root_ + "/folder";
  std::filesystem::create_directories(path + "/inside");
  const Result<void> outcome = write_file_atomically(path, "x");  // a file cannot replace a folder
  ASSERT_FALSE(outcome.ok());
  EXPECT_NE(outcome.error().message.find(path), std::string::npos);
  EXPECT_EQ(file_count(), 1u);
  EXPECT_EQ(write_file_atomically(root_ + "/none/file", "x").error().code, ErrorCode::kNotFound);
}

TEST_F(AtomicFileTest, FullDeviceIsAResourceError) {
  const FileDescriptor full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.valid());
  const Result<void> outcome = write_all(full.get(), "x", "/dev/full");
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::kResource);
}

TEST_F(AtomicFileTest, ReadingHasALimit) {
  const std::string path = root_ + "/file";
  ASSERT_TRUE(write_file_atomically(path, std::string(100000, 'x')).ok());
  EXPECT_EQ(read_small_file(path, 99999).error().code, ErrorCode::kResource);
  EXPECT_EQ(read_small_file(path, 100000)->size(), 100000u);
  EXPECT_EQ(read_small_file(root_ + "/none", 1).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace hearth
