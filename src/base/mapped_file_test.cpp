// Mapping files: the bytes of a good one, and a message of its own for each kind of path that is not one.
#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hearth {
namespace {

using ::testing::HasSubstr;

class MappedFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "mapped_file_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    ::chmod(folder_.c_str(), 0755);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  static Error error_of(const std::string& path) {
    Result<MappedFile> result = MappedFile::open(path);
    EXPECT_FALSE(result.ok());
    return result.ok() ? Error{} : result.error();
  }
  std::string folder_;
};

TEST_F(MappedFileTest, BytesOfTheFileSurviveAMove) {
  const std::string path = write("a", "some bytes");
  Result<MappedFile> opened = MappedFile::open(path);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  const std::byte* data = opened->bytes().data();
  MappedFile moved = std::move(opened).value();
  EXPECT_EQ(moved.bytes().data(), data);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(data), moved.bytes().size()), "some bytes");
  EXPECT_EQ(moved.path(), path);
  for (MapAdvice advice : {MapAdvice::kRandom, MapAdvice::kSequential, MapAdvice::kWillNeed, MapAdvice::kNormal}) {
    moved.advise(advice, 3, 1u << 30);
    moved.advise(advice, ~uint64_t{0}, ~uint64_t{0});
  }
  EXPECT_EQ(static_cast<char>(moved.bytes()[9]), 's');
}

TEST_F(MappedFileTest, AbsentFile) {
  EXPECT_EQ(error_of(folder_ + "/none").code, ErrorCode::kNotFound);
  EXPECT_EQ(error_of(write("plain", "x") + "/below").code, ErrorCode::kNotFound);
  EXPECT_EQ(error_of("").code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(error_of(std::string("a\0b", 3)).code, ErrorCode::kInvalidArgument);
}

TEST_F(MappedFileTest, EmptyFile) {
  const Error error = error_of(write("empty", ""));
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_THAT(error.message, HasSubstr("empty"));
}

TEST_F(MappedFileTest, Folder) {
  const Error error = error_of(folder_);
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("is a folder"));
}

TEST_F(MappedFileTest, PipeDoesNotBlock) {
  const std::string path = folder_ + "/pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(error_of(path).message, HasSubstr("is a named pipe"));
}

TEST_F(MappedFileTest, DeviceAndSocket) {
  EXPECT_THAT(error_of("/dev/zero").message, HasSubstr("is a device"));
  const std::string path = folder_ + "/s";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "%s", path.c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_THAT(error_of(path).message, HasSubstr("socket"));
  ::close(fd);
}

TEST_F(MappedFileTest, NoPermission) {
  const std::string path = write("secret", "x");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  // The superuser may read anything, so step down for the attempt.
  const bool superuser = ::geteuid() == 0;
  ASSERT_EQ(superuser ? ::seteuid(65534) : 0, 0);
  const Error error = error_of(path);
  ASSERT_EQ(superuser ? ::seteuid(0) : 0, 0);
  EXPECT_EQ(error.code, ErrorCode::kPermission);
  EXPECT_THAT(error.message, HasSubstr("no permission"));
}

TEST_F(MappedFileTest, LinksInACircle) {
  ASSERT_EQ(::symlink("loop", (folder_ + "/loop").c_str()), 0);
  EXPECT_THAT(error_of(folder_ + "/loop").message, HasSubstr("circle"));
}

}  // namespace
}  // namespace hearth
