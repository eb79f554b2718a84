#include "comm/cpu_affinity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

namespace omnigen::comm {
namespace {

TEST(CpuAffinity, ListsTheMaskOfThisThread) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  const int cpu = allowed_cpus().back();
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_THAT(allowed_cpus(), testing::ElementsAre(cpu));
  ASSERT_EQ(::sched_setaffinity(0, sizeof(before), &before), 0);
}

TEST(CpuAffinity, UnboundRanksShareTheCpus) {
  const std::vector<int> all = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(threads_per_rank(all, {all, all}), 4);
  EXPECT_EQ(threads_per_rank(all, {all, all, all}), 2);
}

TEST(CpuAffinity, BoundRanksUseTheirOwn) {
  EXPECT_EQ(threads_per_rank({0, 1}, {{0, 1}, {2, 3}}), 2);
  EXPECT_EQ(threads_per_rank({0}, {{0}, {1, 2, 3}}), 1);
}

TEST(CpuAffinity, MoreRanksThanCpusStillHaveOneThread) {
  EXPECT_EQ(threads_per_rank({0, 1}, {{0, 1}, {0, 1}, {0, 1}}), 1);
  EXPECT_EQ(threads_per_rank({}, {{}, {}}), 1);
}

TEST(CpuAffinity, WarnsOfARankBoundToFewCpusOfALargerMachine) {
  EXPECT_EQ(
      narrow_affinity_warning(0, 1, 64),
      "rank 0 may run on 1 CPU only, of 64; data loading will be slow (mpirun --bind-to none)");
  EXPECT_THAT(narrow_affinity_warning(3, 2, 64), testing::HasSubstr("rank 3 may run on 2 CPUs"));
  EXPECT_EQ(narrow_affinity_warning(0, 4, 64), "");
  EXPECT_EQ(narrow_affinity_warning(0, 2, 2), "");
}

}  // namespace
}  // namespace omnigen::comm
