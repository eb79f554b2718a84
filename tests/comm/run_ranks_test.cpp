#include "support/run_ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>

#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::test {
namespace {

TEST(RunRanks, SumsInRankOrderOnEveryRank) {
  run_ranks(3, [](comm::ProcessGroup& group) {
    // (1e8 + 1) - 1e8 is 0 in float32 in rank order, 1 in any order that ends with rank 1.
    const std::vector<float> mine = {1e8F, 1.0F, -1e8F};
    at::Tensor value = at::full({1}, mine[static_cast<size_t>(group.rank())]);
    group.all_reduce_sum(value);
    EXPECT_EQ(value.item<float>(), 0.0F);
  });
}

TEST(RunRanks, GathersInRankOrderAndBroadcastsFromAnyRoot) {
  run_ranks(4, [](comm::ProcessGroup& group) {
    const std::string mine(static_cast<size_t>(group.rank()), 'x');
    EXPECT_THAT(group.all_gather_bytes(mine), testing::ElementsAre("", "x", "xx", "xxx"));
    EXPECT_EQ(group.broadcast_bytes(mine, 2), "xx");
    at::Tensor value = at::full({2}, group.rank(), at::kBFloat16);
    group.broadcast(value, 3);
    EXPECT_TENSOR_EQ(value, at::full({2}, 3, at::kBFloat16));
  });
}

TEST(RunRanks, ReducesNumbersLikeTheOtherBackends) {
  run_ranks(2, [](comm::ProcessGroup& group) {
    EXPECT_EQ(group.all_reduce_max(group.rank()), 1.0);
    EXPECT_EQ(group.all_reduce_sum(double(group.rank() + 1)), 3.0);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_TRUE(std::isnan(group.all_reduce_max(group.rank() == 0 ? nan : 1.0)));
    EXPECT_FALSE(group.all_agree(group.rank() == 0));
    EXPECT_TRUE(group.any(group.rank() == 1));
  });
}

TEST(RunRanks, ThrowsWhatTheFirstRankThrewWhileOthersWait) {
  std::atomic<int> released = 0;
  const auto body = [&](comm::ProcessGroup& group) {
    if (group.rank() == 1) throw util::DataError("broken sample");
    EXPECT_THROW(group.barrier(), util::CommError);
    ++released;
  };
  EXPECT_THROW(run_ranks(3, body), util::DataError);
  EXPECT_EQ(released, 2);
}

TEST(RunRanks, FailsWhenRanksCallDifferentCollectives) {
  const auto body = [](comm::ProcessGroup& group) {
    if (group.rank() == 0) {
      group.barrier();
    } else {
      group.all_reduce_max(0.0);
    }
  };
  EXPECT_THROW(run_ranks(2, body), util::CommError);
}

TEST(RunRanks, FailsWhenARankLeavesEarly) {
  const auto body = [](comm::ProcessGroup& group) {
    if (group.rank() == 0) group.barrier();
  };
  EXPECT_THROW(run_ranks(2, body), util::CommError);
}

}  // namespace
}  // namespace omnigen::test
