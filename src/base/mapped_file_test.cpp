// Mapping files: the bytes of a good one, and a message of its own for each kind of path that is not one.
#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

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

constexpr size_t kPages = 8, kPage = 4096;

int sum_of(const MappedFile& file) {
  int sum = 0;
  for (const std::byte byte : file.bytes()) sum += std::to_integer<int>(byte);
  return sum;
}

class ChangedFileTest : public MappedFileTest {
 protected:
  // Pages of ones, mapped.
  MappedFile map() {
    path_ = write("mapped", std::string(kPages * kPage, '\1'));
    // A modification time of long ago: the clock of the file system is coarse.
    const timespec times[2] = {{1000, 0}, {1000, 0}};
    EXPECT_EQ(::utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
    Result<MappedFile> file = MappedFile::open(path_);
    EXPECT_TRUE(file.ok());
    return std::move(file).value();
  }
  static std::string problem(const MappedFile& file) {
    const Result<void> intact = file.check_intact();
    if (intact.ok()) return "";
    EXPECT_EQ(intact.error().code, ErrorCode::kIo);
    EXPECT_THAT(intact.error().message, HasSubstr(file.path()));
    return intact.error().message;
  }
  std::string path_;
};

TEST_F(ChangedFileTest, WhatIsCutOffReadsAsZeros) {
  const MappedFile file = map();
  EXPECT_EQ(problem(file), "");
  ASSERT_EQ(::truncate(path_.c_str(), 3 * kPage), 0);
  EXPECT_EQ(sum_of(file), 3 * static_cast<int>(kPage));
  EXPECT_THAT(problem(file), HasSubstr("cut short from 32768 to 12288 bytes"));
  // Back at its old length it is still not what it was.
  ASSERT_EQ(::truncate(path_.c_str(), kPages * kPage), 0);
  EXPECT_THAT(problem(file), HasSubstr("unreadable at byte 12288"));
  EXPECT_EQ(sum_of(file), 3 * static_cast<int>(kPage));
}

TEST_F(ChangedFileTest, ManyThreadsMeetTheLossAtOnceInAnyOrder) {
  for (int round = 0; round < 20; ++round) {
    const MappedFile file = map();
    ASSERT_EQ(::truncate(path_.c_str(), kPage), 0);
    std::vector<std::thread> readers;
    std::atomic<int> sum{0};
    for (size_t reader = 0; reader < kPages; ++reader) {
      readers.emplace_back([&, reader] {
        for (size_t i = 0; i < kPages; ++i) sum += std::to_integer<int>(file.bytes()[(reader + i) % kPages * kPage]);
      });
    }
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(sum, static_cast<int>(kPages));
    EXPECT_NE(problem(file), "");
  }
}

TEST_F(ChangedFileTest, ACutWithinTheLastPageIsNoticedWithoutAFault) {
  const MappedFile file = map();
  ASSERT_EQ(::truncate(path_.c_str(), kPages * kPage - 1), 0);
  EXPECT_EQ(sum_of(file), static_cast<int>(kPages * kPage) - 1);
  EXPECT_THAT(problem(file), HasSubstr("cut short"));
}

TEST_F(ChangedFileTest, WritingIsNoticed) {
  const MappedFile file = map();
  std::ofstream(path_, std::ios::binary | std::ios::in).write("\2", 1);
  EXPECT_THAT(problem(file), HasSubstr("written to"));
}

TEST_F(ChangedFileTest, ReplacingAndRemovingDoNoHarm) {
  const MappedFile file = map();
  const std::string other = write("other", "short");
  std::filesystem::rename(other, path_);
  EXPECT_EQ(problem(file), "");
  std::filesystem::remove(path_);
  EXPECT_EQ(sum_of(file), static_cast<int>(kPages * kPage));
  EXPECT_EQ(problem(file), "");
}

TEST_F(ChangedFileTest, LossesBelongToTheirFile) {
  MappedFile first = map();
  const std::string path = path_;
  std::filesystem::rename(path_, folder_ + "/first");
  const MappedFile second = map();
  ASSERT_EQ(::truncate((folder_ + "/first").c_str(), 0), 0);
  EXPECT_EQ(sum_of(first), 0);
  EXPECT_EQ(sum_of(second), static_cast<int>(kPages * kPage));
  EXPECT_NE(problem(first), "");
  EXPECT_EQ(problem(second), "");
  first = map();  // a range that is used again remembers nothing
  EXPECT_EQ(problem(first), "");
}

TEST_F(ChangedFileTest, AFaultElsewhereIsStillFatal) {
  const MappedFile file = map();
  const std::string path = write("foreign", std::string(kPage, 'x'));
  const int fd = ::open(path.c_str(), O_RDONLY);
  const auto* data = static_cast<const char*>(::mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, fd, 0));
  ASSERT_NE(data, MAP_FAILED);
  ASSERT_EQ(::truncate(path.c_str(), 0), 0);
  const auto dies_of_bus_error = [](int status) {
    return (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) || (WIFEXITED(status) && WEXITSTATUS(status) != 0);
  };
  EXPECT_EXIT({ std::_Exit(*static_cast<const volatile char*>(data)); }, dies_of_bus_error, "");
  EXPECT_EXIT({ ::kill(::getpid(), SIGBUS); std::_Exit(0); }, dies_of_bus_error, "");
  ::close(fd);
}

}  // namespace
}  // namespace hearth
