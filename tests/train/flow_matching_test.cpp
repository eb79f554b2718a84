#include "train/flow_matching.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/tensor_near.h"

namespace omnigen::train {
namespace {

TEST(FlowMatching, InterpolatesFromNoiseToImage) {
  const at::Tensor x1 = at::full({4, 2, 2}, 3.0F);
  const at::Tensor x0 = at::full({4, 2, 2}, -1.0F);
  EXPECT_TENSOR_EQ(interpolate(x1, x0, 0.0F).x_t, x0);
  EXPECT_TENSOR_EQ(interpolate(x1, x0, 1.0F).x_t, x1);
  EXPECT_TENSOR_EQ(interpolate(x1, x0, 0.25F).x_t, at::zeros({4, 2, 2}));
  EXPECT_TENSOR_EQ(interpolate(x1, x0, 0.25F).target, at::full({4, 2, 2}, 4.0F));
}

TEST(FlowMatching, DrawsLogitNormalTimesteps) {
  util::SeedStream stream(7, "timestep", {"set", "a.png"});
  constexpr int kDraws = 20000;
  int middle = 0;
  for (int i = 0; i < kDraws; ++i) {
    const float t = draw_timestep(stream);
    middle += t > 0.25F && t < 0.75F ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(middle) / kDraws, 0.728, 0.01);  // P(|u| < ln 3)
}

TEST(FlowMatching, LossIsTheMeanOverElements) {
  const at::Tensor prediction = at::zeros({1, 2, 2});
  const at::Tensor target = at::tensor({1.0F, 2.0F, 3.0F, 4.0F}).reshape({1, 2, 2});
  EXPECT_FLOAT_EQ(sample_loss(prediction, target).item<float>(), 30.0F / 4.0F);
}

TEST(FlowMatching, RefusesAPredictionOfAnotherSize) {
  EXPECT_ANY_THROW(sample_loss(at::zeros({1, 2, 2}), at::zeros({1, 2, 4})));
}

}  // namespace
}  // namespace omnigen::train
