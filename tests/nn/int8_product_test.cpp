#include "nn/int8_product.h"

#include <gtest/gtest.h>

#include "nn/frozen_weight.h"
#include "nn/gradient_check.h"

namespace omnigen::nn {
namespace {

using test::random_tensor;

struct Int8Case {
  int64_t rows;
  int64_t in;
  int64_t out;
  at::ScalarType dtype;
};
class Int8ProductTest : public ::testing::TestWithParam<Int8Case> {};
// Widths that are no multiples of the kernels' lanes as well.
INSTANTIATE_TEST_SUITE_P(Sizes, Int8ProductTest,
                         ::testing::Values(Int8Case{1, 16, 8, at::kFloat},
                                           Int8Case{37, 100, 50, at::kFloat},
                                           Int8Case{64, 256, 192, at::kBFloat16},
                                           Int8Case{5, 33, 17, at::kBFloat16}));

FrozenWeightPtr int8_weight(const at::Tensor& weight) {
  return compact(weight, WeightFormat::kInt8Dynamic);
}

// Quantised in float64 by the definition.
struct Rounded {
  at::Tensor codes;
  at::Tensor scale;  // [rows, 1]
};
Rounded rounded(const at::Tensor& x) {
  const at::Tensor values = x.to(at::kDouble);
  const at::Tensor scale = values.abs().amax(1, /*keepdim=*/true) / 127;
  return {(values / scale).round(), scale};
}

// Relative to the norm of what is expected.
double error_of(const at::Tensor& found, const at::Tensor& expected) {
  return ((found.to(at::kDouble) - expected).norm() / expected.norm()).item<double>();
}

// bfloat16 keeps 8 bits; a code may fall to the other side of a tie in float32.
double bound_of(at::ScalarType dtype) {
  return dtype == at::kBFloat16 ? 3e-3 : 1e-3;
}

TEST_P(Int8ProductTest, MultipliesTheRoundedOperands) {
  const auto [rows, in, out, dtype] = GetParam();
  const at::Tensor weight = random_tensor({out, in}, 1).to(dtype);
  const at::Tensor x = random_tensor({rows, in}, 2).to(dtype);
  const at::Tensor bias = random_tensor({out}, 3).to(dtype);
  const Rounded w = rounded(weight);
  const Rounded r = rounded(x);
  const at::Tensor expected =
      at::mm(r.codes, w.codes.t()) * r.scale * w.scale.t() + bias.to(at::kDouble);
  const at::Tensor found = int8_weight(weight)->multiply(x, bias);
  EXPECT_EQ(found.scalar_type(), dtype);
  EXPECT_LT(error_of(found, expected), bound_of(dtype));
}

TEST_P(Int8ProductTest, TheGradientTakesTheScalesBeforeItIsRounded) {
  const auto [rows, in, out, dtype] = GetParam();
  const at::Tensor weight = random_tensor({out, in}, 1).to(dtype);
  const at::Tensor grad = random_tensor({rows, out}, 2).to(dtype);
  const Rounded w = rounded(weight);
  const Rounded r = rounded(grad.to(at::kDouble) * w.scale.t());
  const at::Tensor expected = at::mm(r.codes, w.codes) * r.scale;
  EXPECT_LT(error_of(int8_weight(weight)->multiply_transposed(grad), expected), bound_of(dtype));
}

TEST_P(Int8ProductTest, IsWithinTheRoundingOfTheDenseProducts) {
  const auto [rows, in, out, dtype] = GetParam();
  const at::Tensor weight = random_tensor({out, in}, 1).to(dtype);
  const at::Tensor x = random_tensor({rows, in}, 2).to(dtype);
  const at::Tensor grad = random_tensor({rows, out}, 4).to(dtype);
  const FrozenWeightPtr frozen = int8_weight(weight);
  const at::Tensor dense = weight.to(at::kDouble);
  EXPECT_LT(error_of(frozen->multiply(x, {}), at::mm(x.to(at::kDouble), dense.t())), 0.02);
  EXPECT_LT(error_of(frozen->multiply_transposed(grad), at::mm(grad.to(at::kDouble), dense)), 0.02);
}

}  // namespace
}  // namespace omnigen::nn
