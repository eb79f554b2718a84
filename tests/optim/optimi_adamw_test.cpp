#include "optim/optimi_adamw.h"

#include <gtest/gtest.h>

#include <cmath>

#include "optim/test_parameters.h"

namespace omnigen::optim {
namespace {

TEST(OptimiAdamW, FirstStepMovesByTheRate) {
  const Parameter parameter = one_of(1.0, -3.0);
  OptimiAdamW optimizer({parameter}, {});
  optimizer.step(0.01);
  EXPECT_NEAR(parameter.value.item<double>(), 1.01, 1e-7);
  EXPECT_EQ(optimizer.state_dict().at("p.exp_avg").item<double>(), -3.0);
  EXPECT_EQ(optimizer.state_dict().at("p.exp_avg_sq").item<double>(), 9.0);
}

// Computed with torch-optimi 0.3.3 (foreach, float32): gradients 1, −2, 0.5 from 1.0.
TEST(OptimiAdamW, FollowsThePackage) {
  const Parameter parameter = one_of(1.0, 0.0);
  OptimiAdamW optimizer({parameter}, {.weight_decay = 0.1});
  for (const double grad : {1.0, -2.0, 0.5}) {
    parameter.value.mutable_grad().fill_(grad);
    optimizer.step(0.1);
  }
  EXPECT_NEAR(parameter.value.item<double>(), 0.9221623539924622, 1e-6);
}

TEST(OptimiAdamW, StableFollowsThePackage) {
  const Parameter parameter = parameter_of("p", at::ones({2}), at::zeros({2}));
  OptimiAdamW optimizer({parameter}, {.weight_decay = 0.1, .stable = true});
  for (const double grad : {0.1, 4.0, -2.0}) {
    parameter.value.mutable_grad().copy_(at::tensor({grad, 1.0}));
    optimizer.step(0.1);
  }
  EXPECT_NEAR(parameter.value[0].item<double>(), 0.7884373068809509, 1e-6);
  EXPECT_NEAR(parameter.value[1].item<double>(), 0.6929077506065369, 1e-6);
}

TEST(OptimiAdamW, StableShortensAStepWhoseGradientIsNew) {
  const auto moved = [](bool stable) {
    const Parameter parameter = one_of(0.0, 0.01);
    OptimiAdamW optimizer({parameter}, {.stable = stable});
    for (int step = 0; step < 50; ++step) optimizer.step(0.1);
    const double before = parameter.value.item<double>();
    parameter.value.mutable_grad().fill_(1.0);
    optimizer.step(0.1);
    return before - parameter.value.item<double>();
  };
  EXPECT_LT(moved(true), 0.2 * moved(false));
}

}  // namespace
}  // namespace omnigen::optim
