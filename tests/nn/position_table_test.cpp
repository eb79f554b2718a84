#include "nn/position_table.h"

#include <gtest/gtest.h>

#include "support/tensor_near.h"

namespace omnigen::nn {
namespace {

constexpr int64_t kSide = 192;
constexpr int64_t kChannels = 3072;

struct Cell {
  int64_t row;
  int64_t column;
  std::vector<double> values;
};

TEST(PositionTable, PublishedValues) {
  const std::vector<int64_t> components = {0, 1, 767, 768, 1535, 1536, 1537, 2304, 3071};
  const std::vector<Cell> cells = {
      {1, 0, {0, 0, 0, 1, 1, 0.327195, 0.323437, 0.944957, 1}},
      {0, 1, {0.327195, 0.323437, 3.4e-05, 0.944957, 1, 0, 0, 1, 1}},
      {96,
       96,
       {0.551427, 0.201218, 0.003239, 0.834223, 0.999995, 0.551427, 0.201218, 0.834223, 0.999995}},
      {191,
       5,
       {0.995408, 0.997113, 0.000169, -0.095724, 1, 0.741172, 0.075771, 0.671315, 0.999979}}};
  for (const Cell& cell : cells) {
    const at::Tensor entry =
        position_table(kSide, kChannels, {cell.row, cell.column, 1, 1}).squeeze(0);
    for (size_t i = 0; i < components.size(); ++i) {
      EXPECT_NEAR(entry[components[i]].item<float>(), cell.values[i], 6e-7)
          << cell.row << ", " << cell.column << ", component " << components[i];
    }
  }
}

TEST(PositionTable, ACropIsThatPartOfTheTable) {
  const at::Tensor whole = position_table(12, 16, {0, 0, 12, 12}).view({12, 12, 16});
  const at::Tensor crop = position_table(12, 16, {3, 5, 4, 2});
  EXPECT_TENSOR_EQ(crop, whole.narrow(0, 3, 4).narrow(1, 5, 2).reshape({8, 16}));
}

TEST(CentralCrop, RoundsDown) {
  const GridCrop crop = central_crop(24, 7, 24);
  EXPECT_EQ(crop.top, 8);
  EXPECT_EQ(crop.left, 0);
  EXPECT_THROW(central_crop(24, 25, 3), c10::Error);
  EXPECT_THROW(central_crop(24, 3, 25), c10::Error);
}

}  // namespace
}  // namespace omnigen::nn
