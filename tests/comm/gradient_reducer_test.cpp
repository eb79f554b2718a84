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

}  // namespace
}  // namespace omnigen::comm
