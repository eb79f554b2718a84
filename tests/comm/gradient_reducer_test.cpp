#include "comm/gradient_reducer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/single_group.h"
#include "support/run_ranks.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::comm {
namespace {

TEST(GradientReducer, SumsOverRanks) {
  test::run_ranks(4, [](ProcessGroup& group) {
    GradientReducer reducer(group);
    for (int step = 1; step <= 2; ++step) {
      at::Tensor gradients = at::full({8}, static_cast<float>(group.rank()));
      reducer.reduce(gradients);
      EXPECT_TENSOR_EQ(gradients, at::full({8}, 6.0F));
      EXPECT_EQ(reducer.num_steps(), step);
    }
    EXPECT_GE(reducer.last_s(), 0.0);
  });
}

TEST(GradientReducer, NamesTheRankThatTrainsAnotherNumberOfParameters) {
  test::run_ranks(3, [](ProcessGroup& group) {
    GradientReducer reducer(group);
    at::Tensor gradients = at::zeros({group.rank() == 2 ? 5 : 4});
    try {
      reducer.reduce(gradients);
      FAIL() << "no error";
    } catch (const util::CommError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("rank 0 trains 4 parameters, rank 2: 5"));
    }
  });
}

TEST(GradientReducer, RefusesOtherThanOneFlatFloatBufferOfOneSize) {
  SingleGroup group;
  GradientReducer reducer(group);
  at::Tensor matrix = at::zeros({2, 2});
  EXPECT_THROW(reducer.reduce(matrix), c10::Error);
  at::Tensor half = at::zeros({4}, at::kBFloat16);
  EXPECT_THROW(reducer.reduce(half), c10::Error);
  at::Tensor first = at::zeros({4});
  reducer.reduce(first);
  at::Tensor longer = at::zeros({5});
  EXPECT_THROW(reducer.reduce(longer), c10::Error);
}

// Leaves of 3, 5, 4, 2 and 6 elements in buckets of 4, counted from the end.
TEST(GradientReducer, StartsBucketsFromTheEndAsTheirLeavesComplete) {
  SingleGroup group;
  GradientReducer reducer(group, {3, 5, 4, 2, 6}, 4);
  reducer.begin(at::ones({20}));
  reducer.leaf_done(4);  // [14, 20): the bucket [16, 20), half of [12, 16)
  EXPECT_EQ(reducer.started_early(), 1);
  reducer.leaf_done(2);  // [8, 12) must wait for the one behind it
  EXPECT_EQ(reducer.started_early(), 1);
  reducer.leaf_done(3);
  EXPECT_EQ(reducer.started_early(), 3);
  reducer.leaf_done(3);  // a leaf counts once
  reducer.leaf_done(0);
  EXPECT_EQ(reducer.started_early(), 3);
  reducer.finish();
  EXPECT_EQ(reducer.started_early(), 3);
  EXPECT_EQ(reducer.num_steps(), 1);
}

// Ranks whose leaves complete in other orders, or not at all, sum the same.
TEST(GradientReducer, SumsTheSameWhateverCompletesFirst) {
  const std::vector<std::vector<size_t>> orders = {{4, 3, 2, 1, 0}, {0, 1, 2, 3, 4}, {2, 4}};
  test::run_ranks(3, [&](ProcessGroup& group) {
    GradientReducer reducer(group, {3, 5, 4, 2, 6}, 4);
    for (int step = 0; step < 3; ++step) {
      const at::Tensor gradients = at::arange(20, at::kFloat) * (group.rank() + 1 + step);
      reducer.begin(gradients);
      for (const size_t leaf : orders[static_cast<size_t>(group.rank())]) reducer.leaf_done(leaf);
      reducer.finish();
      EXPECT_TENSOR_EQ(gradients, at::arange(20, at::kFloat) * (6 + 3 * step));
    }
  });
}

}  // namespace
}  // namespace omnigen::comm
