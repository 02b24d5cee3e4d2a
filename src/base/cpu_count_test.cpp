// cgroup_cpu_limit() on made-up control group trees; usable_cpus() against the affinity mask.
#include "base/cpu_count.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>

namespace hearth {
namespace {

class CgroupTree : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / ("hearth_cgroup_" + std::to_string(getpid()));
    std::filesystem::create_directories(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  int limit(const std::string& proc_cgroup) { return cgroup_cpu_limit(proc_cgroup, root_.string()); }
  std::filesystem::path root_;
};

TEST_F(CgroupTree, NoFilesMeanNoLimit) { EXPECT_EQ(limit("0::/user.slice\n"), 0); }

TEST_F(CgroupTree, VersionTwoQuotaIsRoundedUp) {
  write("app/cpu.max", "150000 100000\n");
  EXPECT_EQ(limit("0::/app\n"), 2);
}

TEST_F(CgroupTree, VersionTwoTakesTheSmallestOnTheWayUp) {
  write("a/b/cpu.max", "max 100000\n");
  write("a/cpu.max", "300000 100000\n");
  write("cpu.max", "800000 100000\n");
  EXPECT_EQ(limit("0::/a/b\n"), 3);
}

TEST_F(CgroupTree, VersionTwoInAContainerReadsTheMount) {
  write("cpu.max", "50000 100000\n");
  EXPECT_EQ(limit("0::/\n"), 1);
  EXPECT_EQ(limit("0::/host/path/that/is/not/visible\n"), 1);
}

TEST_F(CgroupTree, VersionOneQuota) {
  write("cpu,cpuacct/docker/x/cpu.cfs_quota_us", "400000\n");
  write("cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(limit("5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n0::/\n"), 4);
  EXPECT_EQ(limit("4:cpuset:/docker/x\n"), 0);
}

TEST_F(CgroupTree, VersionOneUnlimitedAndLinkedName) {
  write("cpu/cpu.cfs_quota_us", "-1\n");
  write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(limit("4:cpuacct,cpu:/\n"), 0);
  write("cpu/cpu.cfs_quota_us", "200000\n");
  EXPECT_EQ(limit("4:cpuacct,cpu:/\n"), 2);
}

TEST_F(CgroupTree, MalformedTextIsNoLimit) {
  write("cpu.max", "lots of it\n");
  EXPECT_EQ(limit("0::/\n"), 0);
  EXPECT_EQ(limit("garbage\n::\n0\n"), 0);
  write("cpu.max", "100000 0\n");
  EXPECT_EQ(limit("0::/\n"), 0);
}

TEST(UsableCpus, IsWithinTheAffinityMask) {
  cpu_set_t mask;
  ASSERT_EQ(sched_getaffinity(0, sizeof(mask), &mask), 0);
  EXPECT_GE(usable_cpus(), 1);
  EXPECT_LE(usable_cpus(), CPU_COUNT(&mask));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &mask)) {
      CPU_SET(cpu, &one);
      break;
    }
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(usable_cpus(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof(mask), &mask), 0);
}

}  // namespace
}  // namespace hearth
