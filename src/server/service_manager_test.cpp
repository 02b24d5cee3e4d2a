// A stand-in for systemd hears what a service tells.
#include "server/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace hearth::server {
namespace {

class ServiceManagerTest : public testing::Test {
 protected:
  ServiceManagerTest() {
    char folder[] = "/tmp/hearth-notify-XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~ServiceManagerTest() override { std::filesystem::remove_all(folder_); }

  // Listens at a path, or at "@name".
  void listen_at(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    ears_ = FileDescriptor(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(bind(ears_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0) << std::strerror(errno);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  std::string heard() {
    char text[512];
    const ssize_t size = recv(ears_.get(), text, sizeof text, 0);
    return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
  }

  std::string folder_;
  FileDescriptor ears_;
};

TEST_F(ServiceManagerTest, HearsEveryMessageAsOneDatagram) {
  listen_at(folder_ + "/notify");
  setenv("WATCHDOG_USEC", "30000000", 1);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  ServiceManager manager = ServiceManager::from_environment();
  EXPECT_TRUE(manager.listens());
  EXPECT_EQ(manager.watchdog(), std::chrono::seconds(30));
  manager.tell("READY=1\nSTATUS=here");
  manager.tell("WATCHDOG=1");
  EXPECT_EQ(heard(), "READY=1\nSTATUS=here");
  EXPECT_EQ(heard(), "WATCHDOG=1");
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) EXPECT_EQ(std::getenv(name), nullptr) << name;
}

TEST_F(ServiceManagerTest, MayBeAnAbstractSocket) {
  listen_at("@hearth-notify-" + std::to_string(getpid()));
  ServiceManager manager = ServiceManager::from_environment();
  manager.tell("STOPPING=1");
  EXPECT_EQ(heard(), "STOPPING=1");
  EXPECT_FALSE(manager.watchdog().has_value());
}

TEST_F(ServiceManagerTest, AWatchdogForAnotherProcessIsNotOurs) {
  listen_at(folder_ + "/notify");
  setenv("WATCHDOG_USEC", "1000", 1);
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(ServiceManager::from_environment().watchdog().has_value());
  listen_at(folder_ + "/other");
  setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_FALSE(ServiceManager::from_environment().watchdog().has_value());
}

TEST_F(ServiceManagerTest, NobodyThereIsNoError) {
  ServiceManager none = ServiceManager::from_environment();
  EXPECT_FALSE(none.listens());
  none.tell("READY=1");
  setenv("NOTIFY_SOCKET", (folder_ + "/absent").c_str(), 1);
  EXPECT_FALSE(ServiceManager::from_environment().listens());
  setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
  EXPECT_FALSE(ServiceManager::from_environment().listens());
}

}  // namespace
}  // namespace hearth::server
