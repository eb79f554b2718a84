#include "comm/weight_hash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/run_ranks.h"
#include "util/error.h"

namespace omnigen::comm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

NamedTensors two_tensors() {
  return {{"a.lokr_w1", at::arange(4, at::kFloat)}, {"a.lokr_w2", at::ones({2, 3}, at::kBFloat16)}};
}

// The message every rank gets, or nothing.
std::string message_of(ProcessGroup& group, const NamedTensors& weights, int64_t step) {
  try {
    check_equal_weights(group, weights, step);
  } catch (const util::CommError& error) {
    return error.what();
  }
  return {};
}

TEST(WeightHash, TellsBitsShapeAndTypeApart) {
  const at::Tensor base = at::arange(6, at::kFloat);
  EXPECT_EQ(weight_hash(base), weight_hash(base.clone()));
  EXPECT_NE(weight_hash(base), weight_hash(base.view({2, 3})));
  EXPECT_NE(weight_hash(base), weight_hash(base.view(at::kInt)));
  at::Tensor other = base.clone();
  other[5] = std::nextafter(5.0F, 6.0F);
  EXPECT_NE(weight_hash(base), weight_hash(other));
  EXPECT_NE(weight_hash(at::zeros({1})), weight_hash(-at::zeros({1})));
}

TEST(WeightHash, IgnoresStrides) {
  const at::Tensor matrix = at::arange(6, at::kFloat).view({2, 3});
  EXPECT_EQ(weight_hash(matrix.t()), weight_hash(matrix.t().contiguous()));
}

TEST(WeightHash, EqualWeightsPass) {
  test::run_ranks(3, [](ProcessGroup& group) {
    EXPECT_NO_THROW(check_equal_weights(group, two_tensors(), 1));
    EXPECT_NO_THROW(check_equal_weights(group, {}, 2));
  });
}

TEST(WeightHash, NamesStepTensorAndTheRankUnlikeMost) {
  test::run_ranks(3, [](ProcessGroup& group) {
    NamedTensors weights = two_tensors();
    if (group.rank() == 0) weights[1].second[1][2] = 1.5;
    EXPECT_THAT(message_of(group, weights, 40),
                AllOf(HasSubstr("at step 40"), HasSubstr("tensor a.lokr_w2 on rank 0 is not")));
  });
}

TEST(WeightHash, NamesARankWithAnotherSetOfTensors) {
  test::run_ranks(3, [](ProcessGroup& group) {
    NamedTensors weights = two_tensors();
    if (group.rank() == 1) weights.pop_back();
    EXPECT_THAT(message_of(group, weights, 0), HasSubstr("the set of trained tensors on rank 1"));
  });
}

}  // namespace
}  // namespace omnigen::comm
