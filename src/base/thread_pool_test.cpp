// ThreadPool, Barrier and WorkShares: every worker runs once, writes are visible, barriers hold, misuse dies.
#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/cpu_count.h"

namespace hearth {
namespace {

class ThreadPoolTest : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, ::testing::Values(1, 2, 3, 8));

TEST_P(ThreadPoolTest, EveryWorkerRunsOncePerRun) {
  ThreadPool pool({.threads = GetParam()});
  ASSERT_EQ(pool.workers(), GetParam());
  std::vector<int> calls(static_cast<size_t>(GetParam()));  // plain ints: the race detector sees a missing hand-over
  for (int i = 0; i < 500; ++i) {
    pool.run([&](int worker, int workers) {
      EXPECT_EQ(workers, GetParam());
      ++calls[static_cast<size_t>(worker)];
    });
    for (int count : calls) ASSERT_EQ(count, i + 1);
  }
}

TEST_P(ThreadPoolTest, WakesAfterEveryoneSleeps) {
  ThreadPool pool({.threads = GetParam()});
  int sum = 0;
  std::vector<int> part(static_cast<size_t>(GetParam()));
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    pool.run([&](int worker, int) { part[static_cast<size_t>(worker)] = i; });
    for (int value : part) sum += value;
  }
  EXPECT_EQ(sum, 10 * GetParam());
}

TEST_P(ThreadPoolTest, SlowWorkersAreWaitedFor) {
  ThreadPool pool({.threads = GetParam()});
  std::vector<int> done(static_cast<size_t>(GetParam()));
  pool.run([&](int worker, int) {
    std::this_thread::sleep_for(std::chrono::milliseconds(worker));
    done[static_cast<size_t>(worker)] = 1;
  });
  for (int value : done) EXPECT_EQ(value, 1);
}

TEST_P(ThreadPoolTest, BarrierSeparatesPhases) {
  const int threads = GetParam();
  ThreadPool pool({.threads = threads});
  std::vector<int> values(static_cast<size_t>(threads));
  std::vector<int> wrong(static_cast<size_t>(threads));
  pool.run([&](int worker, int workers) {
    for (int phase = 1; phase <= 200; ++phase) {
      values[static_cast<size_t>(worker)] = phase;
      pool.barrier();
      const int next = (worker + 1) % workers;
      if (values[static_cast<size_t>(next)] != phase) ++wrong[static_cast<size_t>(worker)];
      pool.barrier();
    }
  });
  for (int count : wrong) EXPECT_EQ(count, 0);
}

TEST_P(ThreadPoolTest, ParallelForCoversEachItemOnce) {
  ThreadPool pool({.threads = GetParam()});
  for (int64_t items : {0, 1, 7, 64, 1000}) {
    for (int64_t grain : {1, 3, 64, 5000}) {
      std::vector<int> seen(static_cast<size_t>(items));
      pool.parallel_for(items, grain, [&](int, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
      });
      for (int count : seen) ASSERT_EQ(count, 1);
    }
  }
}

TEST(WorkSharesTest, OwnShareInOrderThenTheRestOfOthers) {
  WorkShares shares(2);
  int64_t piece = -1;
  for (int round = 0; round < 3; ++round) {
    shares.begin(7);  // 0-2 and 3-6
    std::vector<int64_t> seen;
    for (int worker : {0, 1, 0, 1, 1, 1, 1}) {
      ASSERT_TRUE(shares.claim(worker, &piece));
      seen.push_back(piece);
    }
    EXPECT_EQ(seen, (std::vector<int64_t>{0, 3, 1, 4, 5, 6, 2}));
    EXPECT_FALSE(shares.claim(0, &piece));
    EXPECT_FALSE(shares.claim(1, &piece));
  }
}

TEST(WorkSharesTest, ManyRoundsWithEmptyShares) {
  WorkShares shares(3);
  int64_t piece = -1;
  for (int round = 0; round < 200'000; ++round) {  // more than the rounds a share tells apart
    const int64_t pieces = round % 4;
    shares.begin(pieces);
    int64_t sum = 0;
    for (int worker : {2, 0, 1}) {
      while (shares.claim(worker, &piece)) sum += piece + 1;
    }
    ASSERT_EQ(sum, pieces * (pieces + 1) / 2);
  }
}

TEST_P(ThreadPoolTest, OnePieceRunsOnTheCaller) {
  ThreadPool pool({.threads = GetParam()});
  const std::thread::id caller = std::this_thread::get_id();
  pool.parallel_for(5, 5, [&](int worker, int64_t begin, int64_t end) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    EXPECT_EQ(worker, 0);
    EXPECT_EQ(begin, 0);
    EXPECT_EQ(end, 5);
  });
  pool.run([](int, int) {});  // the workers are still in step
}

TEST_P(ThreadPoolTest, PinnedPoolGivesTheSameCalls) {
  ThreadPool pool({.threads = GetParam(), .pin = true});
  std::atomic<int> calls{0};
  pool.run([&](int, int) { ++calls; });
  EXPECT_EQ(calls.load(), GetParam());
}

std::atomic<int> starts{0};

TEST(ThreadPoolHook, RunsOnEveryThreadIncludingNewCallers) {
  starts = 0;
  ThreadPool pool({.threads = 3, .on_thread_start = [](int) { ++starts; }});
  pool.run([](int, int) {});
  pool.run([](int, int) {});
  EXPECT_EQ(starts.load(), 3);
  std::thread([&] { pool.run([](int, int) {}); }).join();
  EXPECT_EQ(starts.load(), 4);
}

TEST(ThreadPoolDefaults, UsesTheCpusItMay) {
  ThreadPool pool({});
  EXPECT_EQ(pool.workers(), std::min(usable_cpus(), ThreadPool::kMaxThreads));
}

TEST(ThreadPoolNesting, AnotherPoolInsideARunWorks) {
  ThreadPool outer({.threads = 2});
  ThreadPool inner({.threads = 2});
  std::atomic<int> calls{0};
  outer.run([&](int worker, int) {
    if (worker == 0) inner.run([&](int, int) { ++calls; });
    outer.barrier();
  });
  EXPECT_EQ(calls.load(), 2);
}

TEST(ThreadPoolDeathTest, NestedRunIsOurBug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ThreadPool pool({.threads = 2});
        pool.run([&](int, int) { pool.run([](int, int) {}); });
      },
      "internal error");
}

TEST(ThreadPoolDeathTest, RunInsideASinglePieceIsOurBug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ThreadPool pool({.threads = 2});
        pool.parallel_for(1, 1, [&](int, int64_t, int64_t) { pool.run([](int, int) {}); });
      },
      "internal error");
}

TEST(ThreadPoolDeathTest, BarrierOutsideARunIsOurBug) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ThreadPool pool({.threads = 2});
        pool.barrier();
      },
      "internal error");
}

}  // namespace
}  // namespace hearth
