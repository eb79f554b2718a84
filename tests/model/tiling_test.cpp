#include "model/tiling.h"

#include <gtest/gtest.h>

#include "support/tensor_near.h"

namespace omnigen::model {
namespace {

TEST(Tiled, APointwiseFunctionIsNotChangedByBlending) {
  const at::Tensor x = at::arange(2 * 11 * 14, at::kFloat).view({1, 2, 11, 14});
  const at::Tensor y = tiled(x, {4, 3, 1, 3}, [](const at::Tensor& tile) { return tile * 2; });
  EXPECT_TENSOR_NEAR(y, x * 2, test::kExactArithmetic);
}

TEST(Tiled, TheOverlapIsALinearRamp) {
  int calls = 0;  // the first tile is 0, the second 1
  const at::Tensor y = tiled(at::zeros({1, 1, 4, 6}), {4, 2, 2, 2}, [&](const at::Tensor& tile) {
    return at::full(tile.sizes(), static_cast<float>(calls++ % 3));
  });
  // Rows are alike in the first row of tiles: columns 2 and 3 go from tile 0 to tile 1.
  EXPECT_FLOAT_EQ(y[0][0][0][1].item<float>(), 0.0F);
  EXPECT_FLOAT_EQ(y[0][0][0][2].item<float>(), 0.0F);
  EXPECT_FLOAT_EQ(y[0][0][0][3].item<float>(), 0.5F);
}

TEST(Tiled, TilesMayChangeTheScale) {
  const at::Tensor y = tiled(at::ones({1, 1, 5, 7}), {4, 3, 2, 6}, [](const at::Tensor& tile) {
    return tile.repeat_interleave(2, 2).repeat_interleave(2, 3);
  });
  EXPECT_TENSOR_EQ(y, at::ones({1, 1, 10, 14}));
}

}  // namespace
}  // namespace omnigen::model
