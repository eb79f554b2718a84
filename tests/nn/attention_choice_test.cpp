#include "nn/attention_choice.h"

#include <ATen/Context.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nn/gradient_check.h"
#include "support/tensor_near.h"

namespace omnigen::nn {
namespace {

using test::random_tensor;
using ::testing::AnyOf;

TEST(AttentionChoice, MeasuresWhatTakesTheOperands) {
  const at::Tensor q = random_tensor({1, 2, 24, 16}, 1);
  const at::Tensor k = random_tensor({1, 2, 40, 16}, 2);
  const at::Tensor v = random_tensor({1, 2, 40, 16}, 3);
  const bool flash = at::globalContext().userEnabledFlashSDP();
  EXPECT_THAT(measure_attention_kernels(q, k, v, false), AnyOf("flash", "math"));  // on the CPU
  EXPECT_EQ(at::globalContext().userEnabledFlashSDP(), flash);
  EXPECT_TRUE(at::globalContext().userEnabledMathSDP());
  EXPECT_FALSE(q.requires_grad());
}

TEST(AttentionChoice, KeepsToTheKernelsThatAreAllowed) {
  const at::Tensor q = random_tensor({1, 2, 24, 16}, 1);
  at::globalContext().setSDPUseFlash(false);
  EXPECT_EQ(measure_attention_kernels(q, q, q, true), "math");
  at::globalContext().setSDPUseFlash(true);
}

TEST(AttentionChoice, TheResultIsAttention) {
  const at::Tensor q = random_tensor({1, 2, 24, 16}, 1);
  const at::Tensor k = random_tensor({1, 2, 40, 16}, 2);
  const at::Tensor v = random_tensor({1, 2, 40, 16}, 3);
  const at::Tensor scores = at::matmul(q, k.transpose(2, 3)) / 4.0;
  EXPECT_TENSOR_NEAR(fastest_attention(q, k, v, false), at::matmul(scores.softmax(-1), v),
                     test::kExactArithmetic);
}

}  // namespace
}  // namespace omnigen::nn
