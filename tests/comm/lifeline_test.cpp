#include "comm/lifeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <thread>

#include "comm/frame_socket.h"
#include "support/run_ranks.h"

namespace omnigen::comm {
namespace {

// What the callbacks of all ranks were told.
struct Told {
  std::mutex mutex;
  std::vector<std::pair<int, FatalReport>> announced;  // by rank
  std::vector<int> ended;                              // exit codes
};

Lifeline::Callbacks callbacks_of(int rank, Told& told) {
  return {[&told, rank](FatalReport report) {
            const std::lock_guard lock(told.mutex);
            told.announced.emplace_back(rank, std::move(report));
          },
          [&told](int exit_code) {
            const std::lock_guard lock(told.mutex);
            told.ended.push_back(exit_code);
          }};
}

bool wait_until_ended(Told& told, size_t num_ranks) {
  for (int i = 0; i < 1000; ++i) {
    {
      const std::lock_guard lock(told.mutex);
      if (told.ended.size() >= num_ranks) return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

FatalReport error_on(int rank) {
  return {.rank = rank, .host = "a", .step = 3, .exit_code = 3, .message = "broken"};
}

TEST(Lifeline, AReportEndsEveryRankWithItsCodeAndIsAnnouncedOnceByRankZero) {
  Told told;
  test::run_ranks(3, [&](ProcessGroup& group) {
    Lifeline lifeline(group, "a", callbacks_of(group.rank(), told));
    ASSERT_TRUE(lifeline.connected());
    if (group.rank() == 2) lifeline.report(error_on(2));
    EXPECT_TRUE(wait_until_ended(told, 3));
    group.barrier();
  });
  ASSERT_EQ(told.announced.size(), 1U);
  EXPECT_EQ(told.announced[0].first, 0);
  EXPECT_EQ(told.announced[0].second.rank, 2);
  EXPECT_EQ(told.announced[0].second.message, "broken");
  EXPECT_THAT(told.ended, testing::ElementsAre(3, 3, 3));
}

TEST(Lifeline, AnErrorThatAllRanksMeetIsToldByRankZero) {
  Told told;
  test::run_ranks(3, [&](ProcessGroup& group) {
    Lifeline lifeline(group, "a", callbacks_of(group.rank(), told));
    lifeline.report(error_on(group.rank()));
    EXPECT_TRUE(wait_until_ended(told, 3));
    group.barrier();
  });
  ASSERT_EQ(told.announced.size(), 1U);
  EXPECT_EQ(told.announced[0].second.rank, 0);
}

TEST(Lifeline, LeavingInOrderIsNoFailure) {
  Told told;
  test::run_ranks(3, [&](ProcessGroup& group) {
    Lifeline lifeline(group, "a", callbacks_of(group.rank(), told));
    group.barrier();
    lifeline.goodbye();
  });
  EXPECT_TRUE(told.announced.empty());
  EXPECT_TRUE(told.ended.empty());
}

TEST(Lifeline, HostsOfDifferentNamesConnectOverTheirInterfaces) {
  if (own_addresses().empty()) GTEST_SKIP() << "this machine has no interface but loopback";
  Told told;
  test::run_ranks(2, [&](ProcessGroup& group) {
    const std::string host = "node" + std::to_string(group.rank());
    Lifeline lifeline(group, host, callbacks_of(group.rank(), told));
    EXPECT_TRUE(lifeline.connected());
    group.barrier();
  });
}

}  // namespace
}  // namespace omnigen::comm
