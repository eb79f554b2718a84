#include "comm/single_group.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "support/tensor_near.h"

namespace omnigen::comm {
namespace {

TEST(SingleGroup, CollectivesAreTheIdentity) {
  SingleGroup group;
  at::Tensor values = at::arange(6, at::kFloat);
  group.all_reduce_sum(values);
  group.broadcast(values, 0);
  group.barrier();

  EXPECT_TENSOR_EQ(values, at::arange(6, at::kFloat));
  EXPECT_EQ(group.broadcast_bytes("a b", 0), "a b");
  EXPECT_EQ(group.all_gather_bytes("x"), std::vector<std::string>{"x"});
  EXPECT_EQ(group.all_reduce_max(-3.5), -3.5);
  EXPECT_EQ(group.all_reduce_sum(2.25), 2.25);
  EXPECT_TRUE(group.all_agree(true));
  EXPECT_FALSE(group.all_agree(false));
  EXPECT_TRUE(group.any(true));
  EXPECT_FALSE(group.any(false));
}

TEST(SingleGroup, RefusesWhatOtherBackendsRefuse) {
  SingleGroup group;
  at::Tensor half = at::zeros({2}, at::kHalf);
  EXPECT_THROW(group.all_reduce_sum(half), c10::Error);
  at::Tensor transposed = at::zeros({2, 3}).t();
  EXPECT_THROW(group.all_reduce_sum(transposed), c10::Error);
  EXPECT_THROW(group.broadcast(transposed, 0), c10::Error);
  at::Tensor fine = at::zeros({2});
  EXPECT_THROW(group.broadcast(fine, 1), c10::Error);
  EXPECT_THROW(group.broadcast_bytes("", -1), c10::Error);
}

}  // namespace
}  // namespace omnigen::comm
