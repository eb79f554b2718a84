#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "comm/cuda_devices.h"
#include "comm/cuda_recorder.h"
#include "support/tensor_near.h"

namespace omnigen::comm {
namespace {

class CudaRecorderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (visible_gpus().empty()) GTEST_SKIP() << "no GPU is visible";
  }
  const at::TensorOptions on_gpu_ = at::TensorOptions(at::kCUDA).dtype(at::kFloat);
};

TEST_F(CudaRecorderTest, ReplaysWithoutDoingItOnceMore) {
  const auto recorder = make_cuda_recorder(at::Device(at::kCUDA, 0));
  const at::Tensor x = at::zeros({1000}, on_gpu_);
  recorder->run([&] { x.add_(1); });
  const auto recording = recorder->record([&] { x.mul_(2).add_(1); });
  EXPECT_TENSOR_EQ(x.cpu(), at::full({1000}, 1.0F));
  recording->replay();
  recording->replay();
  EXPECT_TENSOR_EQ(x.cpu(), at::full({1000}, 7.0F));
}

// Gradients into a buffer of before, as a training step has them.
TEST_F(CudaRecorderTest, RecordsABackwardPass) {
  const auto recorder = make_cuda_recorder(at::Device(at::kCUDA, 0));
  const at::Tensor weight = at::full({64, 64}, 0.5, on_gpu_).set_requires_grad(true);
  weight.mutable_grad() = at::zeros({64, 64}, on_gpu_);
  const at::Tensor x = at::ones({32, 64}, on_gpu_);
  const auto pass = [&] { torch::autograd::backward({at::mm(x, weight).square().sum()}, {}); };
  recorder->run(pass);
  const at::Tensor expected = weight.grad().cpu().clone();
  EXPECT_GT(expected.abs().max().item<float>(), 0.0F);
  const auto recording = recorder->record(pass);
  weight.grad().zero_();
  recording->replay();
  EXPECT_TENSOR_EQ(weight.grad().cpu(), expected);
}

TEST_F(CudaRecorderTest, WhatCannotBeRecordedLeavesTheStreamUsable) {
  const auto recorder = make_cuda_recorder(at::Device(at::kCUDA, 0));
  const at::Tensor x = at::ones({8}, on_gpu_);
  EXPECT_ANY_THROW(recorder->record([&] { static_cast<void>(x.sum().item<float>()); }));
  recorder->run([&] { x.add_(1); });
  EXPECT_TENSOR_EQ(x.cpu(), at::full({8}, 2.0F));
}

}  // namespace
}  // namespace omnigen::comm
