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

// 1/512 beside 1 is below bf16's precision: a bf16 sum would stay at 1.
TEST(FlatGradients, GradientsOfBfloatLeavesAreSummedInFloat32) {
  const at::Tensor leaf = at::ones({3}, at::kBFloat16).set_requires_grad(true);
  FlatGradients gradients({{"a", leaf}});
  torch::autograd::backward({leaf.sum()}, {});
  for (int i = 0; i < 4; ++i) torch::autograd::backward({(leaf * (1.0 / 512)).sum()}, {});
  EXPECT_TENSOR_EQ(gradients.buffer(), at::full({3}, 1.0 + 4.0 / 512));
  EXPECT_FALSE(leaf.grad().defined());
  EXPECT_TRUE(gradients.attached());
}

TEST(FlatGradients, TellsWhenALeafIsComplete) {
  const at::Tensor half = at::ones({3}, at::kBFloat16).set_requires_grad(true);
  const at::Tensor whole = at::ones({2}).set_requires_grad(true);
  FlatGradients gradients({{"a", half}, {"b", whole}});
  std::vector<size_t> done;
  const auto loss = [&] { return (half.sum() + 2 * whole.sum()) + whole.square().sum(); };
  torch::autograd::backward({loss()}, {});
  gradients.set_leaf_done([&](size_t leaf) {
    done.push_back(leaf);
    EXPECT_GT(gradients.views()[leaf].min().item<float>(), 0.0F);
  });
  gradients.zero();
  torch::autograd::backward({loss()}, {});
  std::sort(done.begin(), done.end());
  EXPECT_EQ(done, (std::vector<size_t>{0, 1}));
  gradients.set_leaf_done({});
  torch::autograd::backward({loss()}, {});
  EXPECT_EQ(done.size(), 2U);
}

TEST(FlatGradients, WantsTrainedLeaves) {
  EXPECT_THROW(FlatGradients({{"a", at::ones({2})}}), c10::Error);
}

}  // namespace
}  // namespace omnigen::optim
