#include "optim/average_rows.h"

#include <gtest/gtest.h>

#include "optim/make_optimizer.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

// Sizes below, at and above a vector and a task.
std::vector<at::Tensor> tensors_of(at::ScalarType dtype, double phase) {
  std::vector<at::Tensor> tensors;
  for (const int64_t size : {1, 16, 37, 40'003}) {
    tensors.push_back((at::arange(size, at::kFloat) * 0.37 + phase).sin().to(dtype));
  }
  return tensors;
}

TEST(FollowRows, IsTheTensorOperationsToTheLastBit) {
  for (const auto dtype : {at::kFloat, at::kBFloat16, at::kDouble}) {
    const Averages averages{tensors_of(at::kFloat, 1.0), 0.013F};
    const auto parameters = tensors_of(dtype, 2.0);
    std::vector<at::Tensor> expected;
    for (size_t i = 0; i < parameters.size(); ++i) {
      const at::Tensor& s = averages.values[i];
      expected.push_back((s - (s - parameters[i]) * 0.013F).to(at::kFloat));
    }
    follow(averages, parameters);
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (dtype == at::kDouble) {
        EXPECT_TENSOR_NEAR(averages.values[i], expected[i], test::kExactArithmetic);
      } else {
        EXPECT_TENSOR_EQ(averages.values[i], expected[i]);
      }
    }
  }
}

TEST(FollowRows, RefusesAveragesOfOtherTensors) {
  EXPECT_THROW(follow({tensors_of(at::kFloat, 1.0), 0.5F}, {at::ones({1})}), c10::Error);
}

// One pass or two: the same bits, in weights and averages.
TEST(StepAndAverage, IsTheStepAndThenTheAverages) {
  for (const char* name : {"adamw_bf16", "torch-adamw", "optimi-lion", "bnb-adamw8bit"}) {
    SCOPED_TRACE(name);
    config::OptimConfig config;
    config.optimizer = name;
    const auto make = [&](std::vector<Parameter>& parameters) {
      for (const at::Tensor& value : tensors_of(at::kFloat, 0.5)) {
        const at::Tensor leaf = value.clone().set_requires_grad(true);
        leaf.mutable_grad() = (value * 3).cos();
        parameters.push_back({"p" + std::to_string(parameters.size()), leaf});
      }
      return make_optimizer(config, parameters, 3);
    };
    std::vector<Parameter> one;
    std::vector<Parameter> two;
    const auto fused = make(one);
    const auto apart = make(two);
    const Averages of_fused{tensors_of(at::kFloat, 1.0), 0.25F};
    const Averages of_apart{tensors_of(at::kFloat, 1.0), 0.25F};
    for (int step = 0; step < 3; ++step) {
      fused->step_and_average(1e-3, of_fused);
      apart->step(1e-3);
      std::vector<at::Tensor> values;
      for (const Parameter& parameter : two) values.push_back(parameter.value.detach());
      follow(of_apart, values);
    }
    for (size_t i = 0; i < one.size(); ++i) {
      EXPECT_TENSOR_EQ(one[i].value.detach(), two[i].value.detach());
      EXPECT_TENSOR_EQ(of_fused.values[i], of_apart.values[i]);
    }
  }
}

}  // namespace
}  // namespace omnigen::optim
