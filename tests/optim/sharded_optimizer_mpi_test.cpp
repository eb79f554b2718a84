// Sharded steps over MPI are those of one rank.
#include <gtest/gtest.h>

#include "comm/mpi_group.h"
#include "comm/weight_hash.h"
#include "optim/sharded_steps.h"
#include "support/mpi_main.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

class ShardedOverMpi : public testing::Test {
 protected:
  comm::Watchdog watchdog_{[](const std::string&) {}};
  comm::MpiGroup group_{watchdog_};
};

TEST_F(ShardedOverMpi, Float32LeavesAreThoseOfTheWholeOptimizer) {
  const auto expected = after_whole_steps("torch-adamw");
  const auto values = after_sharded_steps("torch-adamw", at::kFloat, group_);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_TENSOR_EQ(values[i], expected[i]);
}

TEST_F(ShardedOverMpi, EveryRankHoldsTheSameBits) {
  for (const char* optimizer : {"torch-adamw", "adamw_bf16", "prodigyopt", "prodigy"}) {
    const auto values = after_sharded_steps(optimizer, at::kBFloat16, group_);
    comm::NamedTensors named;
    for (size_t i = 0; i < values.size(); ++i) named.emplace_back(std::to_string(i), values[i]);
    EXPECT_NO_THROW(comm::check_equal_weights(group_, named, kShardedSteps)) << optimizer;
    EXPECT_FALSE(at::equal(values[0], sharded_leaves(at::kBFloat16)[0].value)) << optimizer;
  }
}

}  // namespace
}  // namespace omnigen::optim

int main(int argc, char** argv) {
  return omnigen::test::mpi_main(argc, argv);
}
