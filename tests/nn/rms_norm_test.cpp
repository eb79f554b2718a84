#include "nn/rms_norm.h"

#include <gtest/gtest.h>

#include "nn/gradient_check.h"

namespace omnigen::nn {
namespace {

using test::random_tensor;
using test::TensorList;

constexpr double kEps = 1e-5;

at::Tensor norm_of(const TensorList& x) {
  return rms_norm(x[0], x[1], kEps);
}

// Both results of the fused form, so that gradients flow into both.
at::Tensor fused(const TensorList& x) {
  const NormedSum out = add_rms_norm(x[0], x[1], x[2], kEps);
  return at::cat({out.sum, out.normed}, 1);
}

TEST(RmsNorm, MatchesFloat64AtWidthsOnBothSidesOfALane) {
  for (const int64_t width : {3, 7, 16, 33, 64, 100}) {
    SCOPED_TRACE(width);
    const TensorList inputs = {random_tensor({5, width}, 1), random_tensor({width}, 2)};
    test::expect_near_double(norm_of, inputs, test::kKernel);
  }
}

TEST(RmsNorm, FusedWithTheAdditionBeforeIt) {
  for (const int64_t width : {7, 64, 100}) {
    SCOPED_TRACE(width);
    const TensorList inputs = {random_tensor({5, width}, 1), random_tensor({5, width}, 2),
                               random_tensor({width}, 3)};
    test::expect_near_double(fused, inputs, test::kKernel);
  }
}

TEST(RmsNorm, Bfloat16RoundsOnce) {
  const TensorList inputs = {random_tensor({9, 96}, 1).to(at::kBFloat16),
                             random_tensor({9, 96}, 2).to(at::kBFloat16),
                             random_tensor({96}, 3).to(at::kBFloat16)};
  test::expect_near_double(fused, inputs, test::kBfloat16Kernel);
}

TEST(RmsNorm, WithoutDeltaTheSumIsTheInput) {
  const at::Tensor x = random_tensor({3, 32}, 1);
  const NormedSum out = add_rms_norm(x, {}, at::ones({32}), kEps);
  EXPECT_TRUE(out.sum.is_same(x));
  EXPECT_TENSOR_EQ(out.normed, rms_norm(x, at::ones({32}), kEps));
}

TEST(RmsNorm, AFrozenWeightGetsNoGradient) {
  const at::Tensor x = random_tensor({3, 32}, 1).requires_grad_();
  const at::Tensor weight = at::ones({32});
  rms_norm(x, weight, kEps).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  EXPECT_FALSE(weight.grad().defined());
}

TEST(RmsNorm, OnlyTheResidualStreamIsUsed) {
  const at::Tensor x = random_tensor({3, 32}, 1).requires_grad_();
  const at::Tensor delta = random_tensor({3, 32}, 2).requires_grad_();
  add_rms_norm(x, delta, at::ones({32}), kEps).sum.sum().backward();
  EXPECT_TENSOR_EQ(x.grad(), at::ones({3, 32}));
  EXPECT_TENSOR_EQ(delta.grad(), at::ones({3, 32}));
}

TEST(RmsNorm, RefusesToBeDifferentiatedTwice) {
  const at::Tensor x = random_tensor({3, 32}, 1).requires_grad_();
  const at::Tensor y = rms_norm(x, at::ones({32}), kEps).sum();
  EXPECT_THROW(torch::autograd::grad({y}, {x}, {}, true, /*create_graph=*/true), c10::Error);
}

TEST(RmsNorm, NamesTheSizesThatDoNotFit) {
  EXPECT_THROW(rms_norm(at::ones({3, 32}), at::ones({31}), kEps), c10::Error);
}

}  // namespace
}  // namespace omnigen::nn
