#include "optim/ema.h"

#include <gtest/gtest.h>

#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::optim {
namespace {

Parameter leaf(double value) {
  return {"p", at::full({3}, value).set_requires_grad(true)};
}
void set(const Parameter& parameter, double value) {
  parameter.value.detach().fill_(value);
}

TEST(EmaDecay, WithWarmupFollowsAtOnceAndThenAsConfigured) {
  const EmaOptions options{0.9, 1, 5};
  EXPECT_EQ(ema_decay(4, options), 0.0);
  EXPECT_EQ(ema_decay(5, options), 0.9);
}

TEST(Ema, AveragesBfloatWeightsInFloat32) {
  const Parameter parameter{"p", at::full({3}, 1.0, at::kBFloat16)};
  Ema ema({parameter}, {0.5});
  parameter.value.fill_(1.0 + 1.0 / 128);
  ema.update(1000);
  EXPECT_TENSOR_EQ(ema.shadows()[0], at::full({3}, 1.0 + 1.0 / 256));
}

TEST(Ema, StartsAsACopyOfTheWeights) {
  const Parameter parameter = leaf(2.0);
  const Ema ema({parameter}, {});
  set(parameter, 5.0);
  EXPECT_TENSOR_EQ(ema.shadows()[0], at::full({3}, 2.0));
}

TEST(Ema, FollowsTheFirstStepAtOnce) {
  const Parameter parameter = leaf(2.0);
  Ema ema({parameter}, {});
  set(parameter, 5.0);
  ema.update(1);
  EXPECT_TENSOR_EQ(ema.shadows()[0], at::full({3}, 5.0));
  EXPECT_EQ(ema.decay(), 0.0);
}

TEST(Ema, ActsAtItsIntervalOnly) {
  const Parameter parameter = leaf(2.0);
  Ema ema({parameter}, {0.5, 4, 0});
  set(parameter, 6.0);
  ema.update(3);
  EXPECT_TENSOR_EQ(ema.shadows()[0], at::full({3}, 2.0));
  ema.update(4);
  EXPECT_NEAR(ema.decay(), 4.0 / 13.0, 1e-12);
  EXPECT_TENSOR_NEAR(ema.shadows()[0], at::full({3}, 6.0 - 4.0 * 4.0 / 13.0),
                     test::kExactArithmetic);
}

TEST(Ema, ClosesAGapThatBfloat16WouldKeep) {
  const Parameter parameter = leaf(1.0);
  Ema ema({parameter}, {0.995, 1, 1});
  set(parameter, 1.1);
  for (int64_t step = 1; step <= 3000; ++step) ema.update(step);
  EXPECT_NEAR(ema.shadows()[0][0].item<double>(), 1.1, 1e-4);  // a bf16 shadow keeps all of 0.1
}

TEST(Ema, StateSurvivesARoundTrip) {
  const Parameter parameter = leaf(2.0);
  Ema ema({parameter}, {});
  set(parameter, 0.1);
  ema.update(3);
  Ema restored({parameter}, {});
  restored.load_state_dict(ema.state_dict());
  EXPECT_TENSOR_EQ(restored.shadows()[0], ema.shadows()[0]);
}

TEST(Ema, RefusesShadowsOfOtherParameters) {
  Ema ema({leaf(2.0)}, {});
  EXPECT_THROW(ema.load_state_dict({{"q", at::zeros({3})}}), util::DataError);
  EXPECT_THROW(ema.load_state_dict({}), util::DataError);
}

}  // namespace
}  // namespace omnigen::optim
