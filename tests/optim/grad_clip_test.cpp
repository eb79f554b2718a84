#include "optim/grad_clip.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

at::Tensor three_four() {
  return at::tensor({3.0F, -4.0F, 0.0F});
}

TEST(GradClip, ByValueLimitsElementsAndReportsTheLargest) {
  at::Tensor gradients = three_four();
  EXPECT_DOUBLE_EQ(clip_gradients(gradients, {ClipMethod::kValue, 3.5}), 4.0);
  EXPECT_TENSOR_EQ(gradients, at::tensor({3.0F, -3.5F, 0.0F}));
}

TEST(GradClip, ByNormScalesAndReportsTheNormBefore) {
  at::Tensor gradients = three_four();
  EXPECT_DOUBLE_EQ(clip_gradients(gradients, {ClipMethod::kNorm, 1.0}), 5.0);
  EXPECT_TENSOR_NEAR(gradients, at::tensor({0.6F, -0.8F, 0.0F}), test::kExactArithmetic);
}

TEST(GradClip, ByNormLeavesAShortGradientAlone) {
  at::Tensor gradients = three_four();
  clip_gradients(gradients, {ClipMethod::kNorm, 5.1});
  EXPECT_TENSOR_EQ(gradients, three_four());
}

TEST(GradClip, LimitZeroMeasuresOnly) {
  at::Tensor gradients = three_four();
  EXPECT_DOUBLE_EQ(clip_gradients(gradients, {ClipMethod::kValue, 0.0}), 4.0);
  EXPECT_DOUBLE_EQ(clip_gradients(gradients, {ClipMethod::kNorm, 0.0}), 5.0);
  EXPECT_TENSOR_EQ(gradients, three_four());
}

TEST(GradClip, ReportsWhatIsNotFinite) {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const ClipMethod method : {ClipMethod::kValue, ClipMethod::kNorm}) {
      at::Tensor gradients = at::tensor({1.0F, value});
      EXPECT_FALSE(std::isfinite(clip_gradients(gradients, {method, 1.0})));
    }
  }
}

TEST(GradClip, NothingToClipIsNoError) {
  at::Tensor gradients = at::empty({0});
  EXPECT_EQ(clip_gradients(gradients, {ClipMethod::kNorm, 1.0}), 0.0);
}

}  // namespace
}  // namespace omnigen::optim
