#include "optim/prodigy_plus.h"

#include <gtest/gtest.h>

#include <cmath>

#include "optim/test_parameters.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

TEST(ProdigyPlus, FindsAStepSizeThatReachesTheMinimum) {
  const Parameter parameter = one_of(0.0, 0.0);
  ProdigyPlus optimizer({parameter}, {});
  for (int step = 0; step < 500; ++step) {
    parameter.value.mutable_grad().copy_(parameter.value.detach() - 1.0);
    optimizer.step(1.0);
  }
  EXPECT_NEAR(optimizer.evaluation_weights().at(0).item<double>(), 1.0, 0.05);
  EXPECT_GT(optimizer.logged_rate(1.0), 1e-3);  // from 1e-6
}

TEST(ProdigyPlus, LimitsTheGrowthOfAStep) {
  const Parameter parameter = one_of(0.0, 0.0);
  ProdigyPlus optimizer({parameter}, {});
  double before = 1e-6;
  for (int step = 0; step < 20; ++step) {
    parameter.value.mutable_grad().fill_(-1.0);
    optimizer.step(1.0);
    EXPECT_LE(optimizer.logged_rate(1.0), before * std::pow(2.0, 0.25) * (1 + 1e-12));
    before = optimizer.logged_rate(1.0);
  }
  EXPECT_GT(before, 1e-6);
}

TEST(ProdigyPlus, KeepsItsEstimateFromTheStepThatIsGiven) {
  const Parameter parameter = one_of(0.0, -1.0);
  ProdigyPlus optimizer({parameter}, {.prodigy_steps = 5});
  for (int step = 0; step < 4; ++step) optimizer.step(1.0);
  const double d = optimizer.logged_rate(1.0);
  EXPECT_GT(d, 1e-6);
  for (int step = 0; step < 4; ++step) optimizer.step(1.0);
  EXPECT_EQ(optimizer.logged_rate(1.0), d);
}

TEST(ProdigyPlus, FactorsTensorsWithALargeDimension) {
  const ProdigyPlus optimizer({parameter_of("wide", at::ones({3, 32}), at::ones({3, 32})),
                               parameter_of("tall", at::ones({32, 3}), at::ones({32, 3})),
                               parameter_of("small", at::ones({31, 31}), at::ones({31, 31}))},
                              {});
  const NamedTensors state = optimizer.state_dict();
  EXPECT_EQ(state.at("wide.exp_avg_sq_row").sizes(), (std::vector<int64_t>{3, 1}));
  EXPECT_EQ(state.at("wide.exp_avg_sq_col").sizes(), (std::vector<int64_t>{1, 32}));
  EXPECT_EQ(state.at("tall.exp_avg_sq_row").sizes(), (std::vector<int64_t>{1, 3}));
  EXPECT_TRUE(state.contains("small.exp_avg_sq"));
  EXPECT_FALSE(state.contains("small.exp_avg_sq_row"));
}

TEST(ProdigyPlus, WithoutScheduleFreeTheTrainedWeightsAreMeasured) {
  const ProdigyPlus optimizer({one_of(1.0, 1.0)}, {.use_schedulefree = false});
  EXPECT_TRUE(optimizer.evaluation_weights().empty());
  EXPECT_TRUE(optimizer.state_dict().contains("p.exp_avg"));
  EXPECT_FALSE(optimizer.state_dict().contains("p.z"));
}

TEST(ProdigyPlus, BeforeTheFirstStepTheAverageIsTheWeightItself) {
  const Parameter parameter = parameter_of("p", at::randn({5}), at::ones({5}));
  const ProdigyPlus optimizer({parameter}, {});
  EXPECT_TENSOR_NEAR(optimizer.evaluation_weights().at(0), parameter.value.detach(),
                     test::kExactArithmetic);
}

// With beta1 = 0.9 the step of y is (1 − β1(1 − c)) of z's, and c = 1 in the first step.
TEST(ProdigyPlus, DecayIsMultipliedByTheRateUnlessTold) {
  const auto decayed = [](bool by_lr) {
    const Parameter parameter = one_of(2.0, 0.0);
    ProdigyPlus optimizer({parameter},
                          {.weight_decay = 0.1, .weight_decay_by_lr = by_lr, .d0 = 0.5});
    optimizer.step(1.0);
    return parameter.value.item<double>();
  };
  EXPECT_NEAR(decayed(true), 2.0 * (1.0 - 0.1 * 0.5), 1e-6);
  EXPECT_NEAR(decayed(false), 2.0 * (1.0 - 0.1), 1e-6);
}

TEST(ProdigyPlus, BiasCorrectionHoldsTheFirstStepsBack) {
  const Parameter parameter = one_of(1.0, 1.0);
  ProdigyPlus optimizer({parameter}, {.d0 = 0.1, .use_bias_correction = true});
  optimizer.step(1.0);
  EXPECT_EQ(parameter.value.item<double>(), 1.0);  // RAdam's average is too short yet
  for (int step = 0; step < 10; ++step) optimizer.step(1.0);
  EXPECT_LT(parameter.value.item<double>(), 1.0);
}

TEST(ProdigyPlus, RefusesWeightsBelowFloat32) {
  EXPECT_THROW(
      ProdigyPlus({parameter_of("p", at::ones({3}, at::kBFloat16), at::ones({3}, at::kBFloat16))},
                  {}),
      c10::Error);
}

}  // namespace
}  // namespace omnigen::optim
