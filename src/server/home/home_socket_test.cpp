// Which folders are trusted, and that the kernel tells who is at the other end.
#include "server/home/home_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/os_error.h"

namespace hearth::server {
namespace {

class HomeSocket : public testing::Test {
 protected:
  HomeSocket() {
    char folder[] = "/tmp/hearth-home-XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~HomeSocket() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(HomeSocket, AFolderOfOurOwnIsTrusted) {
  const Result<uid_t> owner = check_home_folder(folder_);
  ASSERT_TRUE(owner.ok()) << owner.error().message;
  EXPECT_EQ(*owner, geteuid());
  chmod(folder_.c_str(), 0757);
  const Result<uid_t> open = check_home_folder(folder_);
  ASSERT_FALSE(open.ok());
  EXPECT_EQ(open.error().code, ErrorCode::kPermission);
}

TEST_F(HomeSocket, WhatIsNoFolderIsNot) {
  EXPECT_EQ(check_home_folder(folder_ + "/absent").error().code, ErrorCode::kNotFound);
  const Result<uid_t> large = check_home_folder("/" + std::string(kMaxSocketPath, 'x'));
  EXPECT_EQ(large.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(large.error().message.find("shorter HEARTH_HOME"), std::string::npos);
}

TEST_F(HomeSocket, AStrangersFolderIsNotExceptForRoot) {
  // The root folder is root's: another user's for everybody else.
  EXPECT_EQ(check_home_folder("/").ok(), geteuid() == 0);
}

TEST_F(HomeSocket, TheKernelTellsThePeer) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const FileDescriptor one(ends[0]), other(ends[1]);
  EXPECT_EQ(peer_user(one.get()), geteuid());
  const FileDescriptor none(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_NE(peer_user(none.get()), std::optional<uid_t>(geteuid() == 0 ? 1 : geteuid()));
}

}  // namespace
}  // namespace hearth::server
