#include "optim/adamw.h"

#include <gtest/gtest.h>

#include "optim/test_parameters.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

TEST(AdamW, FirstStepMovesByTheRateAgainstTheGradientsSign) {
  const Parameter parameter = one_of(1.0, -3.0);
  AdamW optimizer({parameter}, {.weight_decay = 0.0});
  optimizer.step(0.01);
  EXPECT_NEAR(parameter.value.item<double>(), 1.01, 1e-7);
}

TEST(AdamW, DecaysTheWeightAndNotTheGradient) {
  const Parameter parameter = one_of(2.0, 0.0);
  AdamW optimizer({parameter}, {.weight_decay = 0.1});
  optimizer.step(0.5);
  EXPECT_NEAR(parameter.value.item<double>(), 2.0 * (1.0 - 0.05), 1e-7);
  EXPECT_EQ(optimizer.state_dict().at("p.exp_avg").item<double>(), 0.0);
}

TEST(AdamW, LearningRateZeroStillGathersMoments) {
  const Parameter parameter = one_of(2.0, 4.0);
  AdamW optimizer({parameter}, {});
  optimizer.step(0.0);
  EXPECT_EQ(parameter.value.item<double>(), 2.0);
  EXPECT_NEAR(optimizer.state_dict().at("p.exp_avg").item<double>(), 0.4, 1e-7);
  EXPECT_NEAR(optimizer.state_dict().at("p.exp_avg_sq").item<double>(), 0.016, 1e-8);
}

TEST(AdamW, UpdatesEveryElementOfATensorOfAnyLength) {
  for (const int64_t length : {1, 7, 16, 33, 1000}) {
    const Parameter parameter = parameter_of("p", at::zeros({length}), at::ones({length}));
    AdamW optimizer({parameter}, {.weight_decay = 0.0});
    optimizer.step(0.25);
    EXPECT_TENSOR_NEAR(parameter.value.detach(), at::full({length}, -0.25), test::kAdamW);
  }
}

TEST(AdamW, NothingToTrainIsNoError) {
  AdamW optimizer({}, {});
  optimizer.step(0.1);
  EXPECT_EQ(optimizer.state_dict().at("step").item<int64_t>(), 1);
}

}  // namespace
}  // namespace omnigen::optim
