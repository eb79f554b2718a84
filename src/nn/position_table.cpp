#include "nn/position_table.h"

namespace omnigen::nn {
namespace {

constexpr double kBaseSize = 64.0;

// [sin, cos] of the positions first .. first+count-1. Shapes: [count, channels], float32.
at::Tensor axis_table(int64_t side, int64_t channels, int64_t first, int64_t count) {
  const int64_t half = channels / 2;
  const at::Tensor position =
      at::arange(first, first + count, at::kFloat) / (static_cast<double>(side) / kBaseSize);
  const at::Tensor exponent = at::arange(half, at::kDouble) / (static_cast<double>(channels) / 2.0);
  const at::Tensor frequency = at::pow(at::Scalar(10000.0), exponent).reciprocal();
  const at::Tensor angle = at::outer(position.to(at::kDouble), frequency);
  return at::cat({angle.sin(), angle.cos()}, 1).to(at::kFloat);
}

}  // namespace

GridCrop central_crop(int64_t side, int64_t height, int64_t width) {
  TORCH_CHECK(height <= side && width <= side, "an image of ", height, " x ", width,
              " tokens exceeds the position table of ", side, " x ", side);
  return {(side - height) / 2, (side - width) / 2, height, width};
}

at::Tensor position_table(int64_t side, int64_t channels, const GridCrop& crop) {
  const at::Tensor columns = axis_table(side, channels / 2, crop.left, crop.width);
  const at::Tensor rows = axis_table(side, channels / 2, crop.top, crop.height);
  return at::cat({columns.unsqueeze(0).expand({crop.height, -1, -1}),
                  rows.unsqueeze(1).expand({-1, crop.width, -1})},
                 2)
      .reshape({crop.height * crop.width, channels});
}

// Row by row of the grid: the whole table in float64 would be the largest thing in memory.
at::Tensor whole_position_table(int64_t side, int64_t channels, at::ScalarType dtype) {
  at::Tensor table = at::empty({1, side * side, channels}, dtype);
  for (int64_t row = 0; row < side; ++row) {
    table.narrow(1, row * side, side)
        .copy_(position_table(side, channels, {row, 0, 1, side}).unsqueeze(0));
  }
  return table;
}

}  // namespace omnigen::nn
