#include "nn/row_quantize.h"

#include <gtest/gtest.h>

#include "nn/gradient_check.h"

namespace omnigen::nn {
namespace {

using test::random_tensor;

TEST(RowQuantize, CodesAreRoundedToTheNearestTiesToEven) {
  const at::Tensor x =
      at::tensor({127.0F, 0.5F, 1.5F, -2.5F, -127.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F}).view({2, 5});
  const QuantizedRows rows = quantize_rows(x, {});
  const at::Tensor expected =
      at::tensor({127, 0, 2, -2, -127, 0, 0, 0, 0, 0}).view({2, 5}).to(at::kChar);
  EXPECT_TENSOR_EQ(rows.codes_PC, expected);
  EXPECT_TENSOR_EQ(rows.scale_P, at::tensor({1.0F, 0.0F}));
}

TEST(RowQuantize, EveryRowHasItsOwnScale) {
  const at::Tensor x = random_tensor({20, 70}, 1);
  const at::Tensor factors = at::logspace(-3, 3, 20).unsqueeze(1);
  const QuantizedRows plain = quantize_rows(x, {});
  const QuantizedRows scaled = quantize_rows(x * factors, {});
  EXPECT_LE((scaled.codes_PC.to(at::kInt) - plain.codes_PC.to(at::kInt)).abs().max().item<int>(),
            1);
  EXPECT_TENSOR_NEAR(scaled.scale_P, plain.scale_P * factors.squeeze(1), test::kKernel);
}

TEST(RowQuantize, ColumnScalesGoInBeforeRounding) {
  const at::Tensor x = random_tensor({6, 21}, 2);
  const at::Tensor columns = random_tensor({21}, 3).abs();
  const QuantizedRows scaled = quantize_rows(x, columns);
  const QuantizedRows expected = quantize_rows(x * columns, {});
  EXPECT_TENSOR_EQ(scaled.codes_PC, expected.codes_PC);
  EXPECT_TENSOR_EQ(scaled.scale_P, expected.scale_P);
}

TEST(RowQuantize, ProductsAreScaledByRowAndColumn) {
  const at::Tensor products = at::arange(-10, 11, at::kInt).view({3, 7});
  const at::Tensor rows = at::tensor({0.5F, 2.0F, 4.0F});
  const at::Tensor columns = at::arange(1, 8, at::kFloat);
  const at::Tensor bias = at::arange(7, at::kFloat);
  const at::Tensor expected = products.to(at::kFloat) * rows.unsqueeze(1) * columns + bias;
  EXPECT_TENSOR_EQ(scale_products(products, rows, columns, bias, at::kFloat), expected);
  EXPECT_TENSOR_EQ(scale_products(products, rows, {}, {}, at::kBFloat16),
                   (products.to(at::kFloat) * rows.unsqueeze(1)).to(at::kBFloat16));
}

}  // namespace
}  // namespace omnigen::nn
