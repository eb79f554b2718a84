#include "optim/flat_gradients.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

std::vector<Parameter> two_leaves() {
  return {{"a", at::full({2, 3}, 2.0).set_requires_grad(true)},
          {"b", at::full({4}, 3.0).set_requires_grad(true)}};
}

void backward(const std::vector<Parameter>& parameters) {
  const at::Tensor loss = parameters[0].value.square().sum() + 10.0 * parameters[1].value.sum();
  torch::autograd::backward({loss}, {});
}

TEST(FlatGradients, BackwardFillsTheBufferInOrder) {
  const auto parameters = two_leaves();
  FlatGradients gradients(parameters);
  backward(parameters);
  EXPECT_TENSOR_EQ(gradients.buffer(), at::cat({at::full({6}, 4.0), at::full({4}, 10.0)}));
}

TEST(FlatGradients, BackwardAddsUntilZeroed) {
  const auto parameters = two_leaves();
  FlatGradients gradients(parameters);
  backward(parameters);
  backward(parameters);
  EXPECT_EQ(gradients.buffer()[0].item<float>(), 8.0F);
  EXPECT_TRUE(gradients.attached());
  gradients.zero();
  EXPECT_TENSOR_EQ(parameters[1].value.grad(), at::zeros({4}));
}

TEST(FlatGradients, NoticesAGradientThatWasReplaced) {
  auto parameters = two_leaves();
  const FlatGradients gradients(parameters);
  EXPECT_TRUE(gradients.attached());
  parameters[1].value.mutable_grad() = at::zeros({4});
  EXPECT_FALSE(gradients.attached());
}

TEST(FlatGradients, WantsFloat32Leaves) {
  EXPECT_THROW(FlatGradients({{"a", at::ones({2}, at::kBFloat16)}}), c10::Error);
}

}  // namespace
}  // namespace omnigen::optim
