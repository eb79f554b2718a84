#include "nn/frozen_weight.h"

#include <gtest/gtest.h>

#include "nn/gradient_check.h"
#include "nn/linear.h"

namespace omnigen::nn {
namespace {

using test::random_tensor;
using test::TensorList;

constexpr WeightFormat kFormats[] = {WeightFormat::kInt8Quanto,  WeightFormat::kInt8Torchao,
                                     WeightFormat::kFp8Quanto,   WeightFormat::kFp8Torchao,
                                     WeightFormat::kInt8Dynamic, WeightFormat::kNf4};

class FrozenWeightTest : public ::testing::TestWithParam<WeightFormat> {};
INSTANTIATE_TEST_SUITE_P(Formats, FrozenWeightTest, ::testing::ValuesIn(kFormats));

// Root mean square of the difference, relative to the weight's.
double rounding_error(const at::Tensor& weight, WeightFormat format) {
  const at::Tensor difference = compact(weight, format)->dequantized() - weight;
  return (difference.norm() / weight.norm()).item<double>();
}

TEST_P(FrozenWeightTest, LosesWhatItsBitsCannotHold) {
  const at::Tensor weight = random_tensor({64, 256}, 1);
  const double error = rounding_error(weight, GetParam());
  // A uniform step of max / 127; 3 bits of mantissa; 16 values.
  const bool is_int8 = GetParam() == WeightFormat::kInt8Quanto ||
                       GetParam() == WeightFormat::kInt8Torchao ||
                       GetParam() == WeightFormat::kInt8Dynamic;
  const double bound = is_int8 ? 0.01 : GetParam() == WeightFormat::kNf4 ? 0.11 : 0.03;
  EXPECT_LT(error, bound);
  EXPECT_GT(error, bound / 4);
}

TEST(FrozenWeight, Int8IsOffByHalfAStepAtMost) {
  const at::Tensor weight = random_tensor({64, 256}, 7);
  const at::Tensor half_step = weight.abs().amax(1, true) / 127 / 2;
  for (const WeightFormat format :
       {WeightFormat::kInt8Quanto, WeightFormat::kInt8Torchao, WeightFormat::kInt8Dynamic}) {
    const at::Tensor error = (compact(weight, format)->dequantized() - weight).abs() / half_step;
    EXPECT_LE(error.max().item<double>(), 1.0 + 1e-4);
    EXPECT_GT(error.max().item<double>(), 0.9);
  }
}

TEST_P(FrozenWeightTest, StoresLessThanTheWeight) {
  const at::Tensor weight = random_tensor({128, 512}, 1).to(at::kBFloat16);
  const FrozenWeightPtr frozen = compact(weight, GetParam());
  const double share = GetParam() == WeightFormat::kNf4 ? 0.27 : 0.505;
  EXPECT_LT(static_cast<double>(frozen->num_bytes()), share * static_cast<double>(weight.nbytes()));
  EXPECT_EQ(frozen->num_bytes(), compact_bytes(GetParam(), 128, 512, 2));
}

TEST_P(FrozenWeightTest, KeepsRowsOfZeros) {
  at::Tensor weight = random_tensor({8, 128}, 1);
  weight[3].zero_();
  const at::Tensor dense = compact(weight, GetParam())->dequantized();
  EXPECT_TRUE(dense.isfinite().all().item<bool>());
  EXPECT_TENSOR_EQ(dense[3], at::zeros({128}));
}

TEST_P(FrozenWeightTest, GivesTheInputGradientOfTheWeightItMultipliesBy) {
  if (GetParam() == WeightFormat::kInt8Dynamic) return;  // int8_product_test.cpp
  Linear layer;
  layer.frozen = compact(random_tensor({24, 80}, 1), GetParam());
  layer.bias = random_tensor({24}, 2);
  const at::Tensor dense = layer.dense_weight();
  const at::Tensor probe = random_tensor({12, 24}, 4);
  const at::Tensor x = random_tensor({12, 80}, 3).requires_grad_();
  (layer.forward(x) * probe).sum().backward();
  EXPECT_TENSOR_NEAR(x.grad(), at::mm(probe, dense), test::kKernel);
}

TEST_P(FrozenWeightTest, TakesInputsOfAnyRank) {
  const FrozenWeightPtr frozen = compact(random_tensor({16, 32}, 1), GetParam());
  const at::Tensor x = random_tensor({2, 5, 32}, 3);
  const at::Tensor flat = frozen->multiply(x.view({10, 32}), {});
  EXPECT_TENSOR_NEAR(frozen->multiply(x, {}).view({10, 16}), flat, test::kKernel);
}

TEST_P(FrozenWeightTest, MovedItIsTheSame) {
  const FrozenWeightPtr frozen = compact(random_tensor({16, 32}, 1), GetParam());
  EXPECT_TENSOR_EQ(frozen->to(at::kCPU)->dequantized(), frozen->dequantized());
}

TEST(FrozenWeight, Float8RoundsTheInputTensorWise) {
  const FrozenWeightPtr frozen = compact(random_tensor({16, 64}, 1), WeightFormat::kFp8Torchao);
  const at::Tensor x = random_tensor({40, 64}, 3);
  const at::Tensor scale = x.abs().max() / 448.0;
  const at::Tensor rounded = (x / scale).to(at::kFloat8_e4m3fn).to(at::kFloat) * scale;
  EXPECT_TENSOR_NEAR(frozen->multiply(x, {}), at::linear(rounded, frozen->dequantized()),
                     test::kKernel);
  EXPECT_TENSOR_EQ(frozen->multiply(at::zeros({3, 64}), {}), at::zeros({3, 16}));
}

TEST(FrozenWeight, Float8TakesMultiplesOfSixteenOnly) {
  EXPECT_TRUE(takes_size(WeightFormat::kFp8Torchao, 16, 3072));
  EXPECT_FALSE(takes_size(WeightFormat::kFp8Torchao, 24, 3072));
  EXPECT_FALSE(takes_size(WeightFormat::kFp8Torchao, 16, 40));
  EXPECT_TRUE(takes_size(WeightFormat::kNf4, 24, 40));
}

TEST(FrozenWeight, Nf4TakesAnyNumberOfWeights) {
  const at::Tensor weight = random_tensor({3, 45}, 1);  // 135: two blocks and 7 more
  const FrozenWeightPtr frozen = compact(weight, WeightFormat::kNf4);
  EXPECT_EQ(frozen->dequantized().sizes(), weight.sizes());
  EXPECT_EQ(frozen->num_bytes(), compact_bytes(WeightFormat::kNf4, 3, 45, 4));
  EXPECT_LT(rounding_error(weight, WeightFormat::kNf4), 0.12);
}

}  // namespace
}  // namespace omnigen::nn
