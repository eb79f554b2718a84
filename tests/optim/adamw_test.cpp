#include "optim/adamw.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::optim {
namespace {

Parameter parameter_of(const std::string& name, const at::Tensor& value, const at::Tensor& grad) {
  Parameter parameter{name, value.clone().set_requires_grad(true)};
  parameter.value.mutable_grad() = grad.clone();
  return parameter;
}
Parameter one_of(double value, double grad) {
  return parameter_of("p", at::full({1}, value), at::full({1}, grad));
}

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

// Steps of two parameters; on the way through a restart after `restart` of them.
at::Tensor trained(int64_t steps, int64_t restart) {
  auto generator = at::detail::createCPUGenerator(3);
  std::vector<Parameter> parameters = {parameter_of("a", at::ones({5, 3}), at::zeros({5, 3})),
                                       parameter_of("b", at::ones({4}), at::zeros({4}))};
  auto optimizer = std::make_unique<AdamW>(parameters, AdamWOptions{});
  for (int64_t step = 0; step < steps; ++step) {
    if (step == restart) {
      std::map<std::string, at::Tensor> saved;
      for (const auto& [name, value] : optimizer->state_dict()) saved[name] = value.clone();
      optimizer = std::make_unique<AdamW>(parameters, AdamWOptions{});
      optimizer->load_state_dict(saved);
    }
    for (Parameter& parameter : parameters) {
      parameter.value.mutable_grad().copy_(at::randn(parameter.value.sizes(), generator));
    }
    optimizer->step(0.01);
  }
  return at::cat({parameters[0].value.detach().flatten(), parameters[1].value.detach()});
}

TEST(AdamW, GoesOnBitForBitAfterARestart) {
  EXPECT_TENSOR_EQ(trained(9, 4), trained(9, -1));
}

TEST(AdamW, RefusesStateThatDoesNotFit) {
  AdamW optimizer({one_of(1.0, 1.0)}, {});
  auto state = optimizer.state_dict();
  state["p.exp_avg"] = at::zeros({2});
  EXPECT_THROW(optimizer.load_state_dict(state), util::DataError);
  state.erase("p.exp_avg");
  EXPECT_THROW(optimizer.load_state_dict(state), util::DataError);
}

TEST(AdamW, NothingToTrainIsNoError) {
  AdamW optimizer({}, {});
  optimizer.step(0.1);
  EXPECT_EQ(optimizer.state_dict().at("step").item<int64_t>(), 1);
}

}  // namespace
}  // namespace omnigen::optim
