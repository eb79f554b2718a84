#include "nn/checkpoint_segment.h"

#include <gtest/gtest.h>

#include "nn/gradient_check.h"

namespace omnigen::nn {
namespace {

using test::random_tensor;

struct Leaves {
  at::Tensor x = random_tensor({4, 6}, 1).requires_grad_();
  at::Tensor weight = random_tensor({6, 6}, 2).requires_grad_();
  at::Tensor unused = random_tensor({3}, 3).requires_grad_();
};

at::Tensor layer(const at::Tensor& x, const at::Tensor& weight) {
  return at::silu(x.mm(weight)) + x;
}

TEST(CheckpointSegment, GradientsAreTheSameToTheLastBit) {
  const Leaves plain;
  layer(layer(plain.x, plain.weight), plain.weight).square().sum().backward();
  const Leaves saved;
  const auto segment = [&](const at::Tensor& x) { return layer(x, saved.weight); };
  const at::Tensor once = checkpoint_segment(segment, saved.x, {saved.weight, saved.unused});
  checkpoint_segment(segment, once, {saved.weight, saved.unused}).square().sum().backward();
  EXPECT_TENSOR_EQ(saved.x.grad(), plain.x.grad());
  EXPECT_TENSOR_EQ(saved.weight.grad(), plain.weight.grad());
  EXPECT_FALSE(saved.unused.grad().defined());
}

TEST(CheckpointSegment, WorksWhenTheInputIsFrozen) {
  const Leaves leaves;
  const at::Tensor frozen = leaves.x.detach();
  const auto segment = [&](const at::Tensor& x) { return layer(x, leaves.weight); };
  checkpoint_segment(segment, frozen, {leaves.weight}).sum().backward();
  const at::Tensor expected =
      torch::autograd::grad({layer(frozen, leaves.weight).sum()}, {leaves.weight})[0];
  EXPECT_TENSOR_EQ(leaves.weight.grad(), expected);
  EXPECT_FALSE(frozen.grad().defined());
}

TEST(CheckpointSegment, TheSegmentRunsTwiceAndRecordsOnce) {
  const Leaves leaves;
  std::vector<bool> recorded;
  const auto segment = [&](const at::Tensor& x) {
    recorded.push_back(at::GradMode::is_enabled());
    return layer(x, leaves.weight);
  };
  checkpoint_segment(segment, leaves.x, {leaves.weight}).sum().backward();
  EXPECT_EQ(recorded, (std::vector<bool>{false, true}));
}

TEST(CheckpointSegment, WithoutGradientsItIsTheSegment) {
  const Leaves leaves;
  const at::NoGradGuard no_grad;
  int runs = 0;
  const auto segment = [&](const at::Tensor& x) {
    ++runs;
    return layer(x, leaves.weight);
  };
  EXPECT_FALSE(checkpoint_segment(segment, leaves.x, {leaves.weight}).requires_grad());
  EXPECT_EQ(runs, 1);
}

TEST(CheckpointSegment, GradientsAccumulateIntoTheLeaf) {
  const Leaves leaves;
  const auto segment = [&](const at::Tensor& x) { return layer(x, leaves.weight); };
  checkpoint_segment(segment, leaves.x, {leaves.weight}).sum().backward();
  const at::Tensor once = leaves.weight.grad().clone();
  checkpoint_segment(segment, leaves.x, {leaves.weight}).sum().backward();
  EXPECT_TENSOR_EQ(leaves.weight.grad(), 2 * once);
}

}  // namespace
}  // namespace omnigen::nn
