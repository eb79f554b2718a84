#include "optim/prodigy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "optim/test_parameters.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

// Steps down a parabola around 1, from 0.
double minimised(const ProdigyOptions& options, int steps, double* d) {
  const Parameter parameter = one_of(0.0, 0.0);
  Prodigy optimizer({parameter}, options);
  for (int step = 0; step < steps; ++step) {
    parameter.value.mutable_grad().copy_(parameter.value.detach() - 1.0);
    optimizer.step(1.0);
  }
  *d = optimizer.logged_rate(1.0);
  return parameter.value.item<double>();
}

TEST(Prodigy, FindsAStepSizeThatReachesTheMinimum) {
  double d = 0;
  EXPECT_NEAR(minimised({}, 300, &d), 1.0, 0.05);
  EXPECT_GT(d, 1e-3);  // from 1e-6
}

TEST(Prodigy, GrowsNoFasterThanItsLimit) {
  double d = 0;
  minimised({.d0 = 1e-6, .growth_rate = 1.5}, 11, &d);
  EXPECT_LE(d, 1e-6 * std::pow(1.5, 11) * (1 + 1e-12));
  EXPECT_GT(d, 1e-6);
}

TEST(Prodigy, ARateOfZeroChangesNothing) {
  const Parameter parameter = one_of(1.0, 1.0);
  Prodigy optimizer({parameter}, {});
  optimizer.step(0.0);
  EXPECT_EQ(parameter.value.item<double>(), 1.0);
  EXPECT_EQ(optimizer.state_dict().at("step").item<int64_t>(), 0);
  EXPECT_EQ(optimizer.state_dict().at("p.exp_avg").item<double>(), 0.0);
}

TEST(Prodigy, GradientsOfZeroAreNoStep) {
  const Parameter parameter = one_of(1.0, 0.0);
  Prodigy optimizer({parameter}, {.weight_decay = 0.1});
  optimizer.step(1.0);
  EXPECT_EQ(parameter.value.item<double>(), 1.0);
}

TEST(Prodigy, StatisticsRunOverEveryNthElement) {
  const Prodigy optimizer({parameter_of("p", at::arange(12, at::kFloat), at::ones({12}))},
                          {.slice_p = 5});
  EXPECT_TENSOR_EQ(optimizer.state_dict().at("p.p0"), at::tensor({0.0F, 5.0F, 10.0F}));
  EXPECT_EQ(optimizer.state_dict().at("p.s").numel(), 3);
}

TEST(Prodigy, CoupledDecayEntersTheMoments) {
  const Parameter parameter = one_of(2.0, 1.0);
  Prodigy optimizer({parameter}, {.weight_decay = 0.5, .decouple = false, .d0 = 1.0});
  optimizer.step(1.0);
  EXPECT_NEAR(optimizer.state_dict().at("p.exp_avg").item<double>(), 0.1 * (1.0 + 0.5 * 2.0), 1e-6);
  EXPECT_EQ(parameter.value.grad().item<double>(), 1.0);
}

}  // namespace
}  // namespace omnigen::optim
