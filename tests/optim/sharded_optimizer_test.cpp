#include "optim/sharded_optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/single_group.h"
#include "optim/sharded_steps.h"
#include "support/run_ranks.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::optim {
namespace {

using test::run_ranks;

class ShardedOptimizerTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Optimizers, ShardedOptimizerTest,
                         ::testing::Values("torch-adamw", "optimi-lion", "optimi-stableadamw",
                                           "torch-adafactor", "bnb-adamw8bit"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// An update of one tensor that looks at no other is the same bits wherever it is made.
TEST_P(ShardedOptimizerTest, UpdatesLikeTheWholeOptimizer) {
  const auto expected = after_whole_steps(GetParam());
  for (const int ranks : {1, 2, 3}) {
    run_ranks(ranks, [&](comm::ProcessGroup& group) {
      const auto values = after_sharded_steps(GetParam(), at::kFloat, group);
      for (size_t i = 0; i < values.size(); ++i) EXPECT_TENSOR_EQ(values[i], expected[i]);
    });
  }
}

TEST_P(ShardedOptimizerTest, BfloatLeavesAreTheMastersRounded) {
  run_ranks(2, [&](comm::ProcessGroup& group) {
    const auto leaves = sharded_leaves(at::kBFloat16);
    const auto optimizer = sharded(GetParam(), leaves, group);
    for (int64_t step = 0; step < kShardedSteps; ++step) {
      set_gradients(leaves, step);
      optimizer->step(1e-4);  // less than a bf16 step of most elements
    }
    for (const Parameter& master : optimizer->owned()) {
      ASSERT_EQ(master.value.scalar_type(), at::kFloat);
      const auto leaf = std::find_if(leaves.begin(), leaves.end(), [&](const Parameter& other) {
        return other.name == master.name;
      });
      EXPECT_TENSOR_EQ(leaf->value.detach(), master.value.to(at::kBFloat16));
      EXPECT_FALSE(at::equal(master.value, leaf->value.detach().to(at::kFloat)));
    }
  });
}

// Their step size is a ratio of sums over all tensors: only the order of summation differs.
TEST(ShardedOptimizer, SumsOverAllTensorsGoOverRanks) {
  for (const char* optimizer : {"prodigyopt", "prodigy"}) {
    const auto expected = after_whole_steps(optimizer);
    run_ranks(3, [&](comm::ProcessGroup& group) {
      const auto values = after_sharded_steps(optimizer, at::kFloat, group);
      for (size_t i = 0; i < values.size(); ++i) {
        EXPECT_TENSOR_NEAR(values[i], expected[i], test::kFactorAfterSteps);
      }
    });
  }
}

TEST(ShardedOptimizer, AdamwBf16UpdatesTheLeafItself) {
  std::vector<at::Tensor> expected;
  run_ranks(1, [&](comm::ProcessGroup& group) {
    expected = after_sharded_steps("adamw_bf16", at::kBFloat16, group);
  });
  run_ranks(2, [&](comm::ProcessGroup& group) {
    const auto values = after_sharded_steps("adamw_bf16", at::kBFloat16, group);
    for (size_t i = 0; i < values.size(); ++i) EXPECT_TENSOR_EQ(values[i], expected[i]);
    const auto leaves = sharded_leaves(at::kBFloat16);
    const auto optimizer = sharded("adamw_bf16", leaves, group);
    for (const Parameter& owned : optimizer->owned()) {
      EXPECT_EQ(owned.value.scalar_type(), at::kBFloat16);
    }
  });
  EXPECT_FALSE(at::equal(expected[0].to(at::kFloat), sharded_leaves(at::kBFloat16)[0].value));
}

TEST(ShardedOptimizer, HoldsStateOfItsOwnTensorsOnly) {
  std::vector<int64_t> bytes(2);
  run_ranks(2, [&](comm::ProcessGroup& group) {
    const auto leaves = sharded_leaves(at::kFloat);
    const auto optimizer = sharded("torch-adamw", leaves, group);
    bytes[static_cast<size_t>(group.rank())] = optimizer->state_bytes();
  });
  int64_t numel = 0;
  for (const Parameter& leaf : sharded_leaves(at::kFloat)) numel += leaf.value.numel();
  const int64_t step_counts = 2 * 8;
  EXPECT_EQ(bytes[0] + bytes[1], numel * 8 + step_counts);
  EXPECT_LT(bytes[0], numel * 8);
  EXPECT_LT(bytes[1], numel * 8);
}

TEST(ShardedOptimizer, WeightsToMeasureAreEverybodys) {
  run_ranks(2, [](comm::ProcessGroup& group) {
    const auto leaves = sharded_leaves(at::kFloat);
    const auto optimizer = sharded("prodigy", leaves, group);
    set_gradients(leaves, 0);
    optimizer->step(1.0);
    const auto weights = optimizer->evaluation_weights();
    ASSERT_EQ(weights.size(), leaves.size());
    const auto own = sharded_leaves(at::kFloat);
    const auto whole = make_optimizer(sharded_config("prodigy"), own, 3);
    set_gradients(own, 0);
    whole->step(1.0);
    const auto expected = whole->evaluation_weights();
    for (size_t i = 0; i < weights.size(); ++i) {
      EXPECT_TENSOR_NEAR(weights[i], expected[i], test::kFactorAfterSteps);
    }
  });
}

TEST(ShardedOptimizer, BeginsAtOtherValuesWithoutMovingTheLeaves) {
  comm::SingleGroup group;
  const auto leaves = sharded_leaves(at::kFloat);
  ShardedOptions options;
  options.make = [](const std::vector<Parameter>& owned) {
    return make_optimizer(sharded_config("prodigyopt"), owned, 0);
  };
  options.start = [&](const std::string&) { return at::full({}, 0.25); };
  const ShardedOptimizer optimizer(leaves, group, options);
  EXPECT_TENSOR_EQ(leaves[1].value.detach(), sharded_leaves(at::kFloat)[1].value.detach());
  EXPECT_TENSOR_EQ(optimizer.state_dict().at("layer.1.weight.p0"), at::full({8}, 0.25));
}

TEST(ShardedOptimizer, RefusesMoreRanksThanTensors) {
  EXPECT_THROW(run_ranks(6,
                         [](comm::ProcessGroup& group) {
                           sharded("torch-adamw", sharded_leaves(at::kFloat), group);
                         }),
               util::ConfigError);
}

}  // namespace
}  // namespace omnigen::optim
