#include "nn/ada_norm.h"

#include <gtest/gtest.h>

#include "nn/gradient_check.h"

namespace omnigen::nn {
namespace {

using test::random_tensor;

TEST(AdaNorm, ShiftComesBeforeScale) {
  const at::Tensor x = random_tensor({5, 8}, 1);
  const at::Tensor shift = random_tensor({8}, 2);
  const at::Tensor scale = random_tensor({8}, 3);
  const at::Tensor centred = x - x.mean(1, true);
  const at::Tensor normed = centred / (centred.square().mean(1, true) + 1e-6).sqrt();
  EXPECT_TENSOR_NEAR(ada_norm(x, at::cat({shift, scale}), 1e-6), normed * (1 + scale) + shift,
                     test::kKernel);
}

TEST(AdaNorm, TheEpsilonActs) {
  const at::Tensor x = 1e-3 * random_tensor({5, 8}, 1);
  const at::Tensor modulation = at::zeros({16});
  EXPECT_GT(test::error_to_peak(ada_norm(x, modulation, 1e-6), ada_norm(x, modulation, 1e-5)), 0.1);
}

TEST(AdaNorm, NamesTheSizesThatDoNotFit) {
  EXPECT_THROW(ada_norm(at::ones({5, 8}), at::ones({8}), 1e-6), c10::Error);
}

}  // namespace
}  // namespace omnigen::nn
