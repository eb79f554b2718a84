#include "nn/rotary.h"

#include <gtest/gtest.h>

#include "nn/gradient_check.h"

namespace omnigen::nn {
namespace {

using test::random_tensor;
using test::TensorList;

RotaryOptions small_options() {
  return {8, 10000.0, {1.0, 1.1, 1.2, 1.3}, {1.0, 2.0, 3.0, 4.0}, 16, 64};
}

// The published model's entries that model.md A.2 lists; the others do not matter here.
RotaryOptions published_options() {
  RotaryOptions options{96,   10000.0, std::vector<double>(48, 2.0), std::vector<double>(48, 30.0),
                        4096, 131072};
  options.short_factor[0] = 1.05;
  options.short_factor[1] = 1.05;
  options.short_factor[2] = 1.05;
  options.short_factor[10] = 1.5500000000000005;
  options.short_factor[12] = 1.9000000000000008;
  options.short_factor[47] = 3.049999999999997;
  options.long_factor[0] = 1.0299999713897705;
  options.long_factor[1] = 1.0499999523162842;
  options.long_factor[2] = 1.0499999523162842;
  options.long_factor[10] = 1.8999998569488525;
  options.long_factor[12] = 3.68999981880188;
  options.long_factor[24] = 30.009998321533203;
  options.long_factor[47] = 64.81001281738281;
  return options;
}

void expect_values(const at::Tensor& row, const std::vector<int64_t>& columns,
                   const std::vector<float>& expected) {
  for (size_t i = 0; i < columns.size(); ++i) {
    EXPECT_FLOAT_EQ(row[columns[i]].item<float>(), expected[i]) << "k = " << columns[i];
  }
}

TEST(RotaryTable, FrequenciesOfThePublishedModel) {
  const RotaryTable table(published_options());
  const std::vector<int64_t> k = {0, 1, 2, 12, 24, 47};
  expect_values(
      table.inverse_frequencies(false), k,
      {0.95238101F, 0.78609926F, 0.64884961F, 0.052631579F, 0.0049999999F, 3.9722214e-05F});
  expect_values(
      table.inverse_frequencies(true), k,
      {0.97087383F, 0.78609926F, 0.64884961F, 0.027100272F, 0.0003332223F, 1.8693523e-06F});
}

TEST(RotaryTable, ScaledAnglesOfThePublishedModel) {
  const RotaryTable table(published_options());
  EXPECT_NEAR(table.scale(), 1.1902380714, 1e-9);
  const auto expect_at_100 = [&](int64_t length, const std::vector<double>& expected) {
    const RotaryAngles angles = table.angles(length, at::kCPU);
    const std::vector<int64_t> k = {0, 10, 47};
    for (size_t i = 0; i < k.size(); ++i) {
      EXPECT_NEAR(angles.cos[100][k[i]].item<float>(), expected[2 * i], 1.5e-6);
      EXPECT_NEAR(angles.sin[100][k[i]].item<float>(), expected[2 * i + 1], 1.5e-6);
    }
  };
  expect_at_100(101, {0.652755, 0.995278, -1.189039, -0.053419, 1.190229, 0.004728});
  expect_at_100(4097, {-1.136377, 0.353996, 0.152786, 1.180391, 1.190238, 0.000222});
}

TEST(RotaryTable, SwitchesListsAboveTheOriginalLength) {
  const RotaryTable table(small_options());
  const at::Tensor short_row = table.angles(16, at::kCPU).cos[3];
  const at::Tensor long_row = table.angles(17, at::kCPU).cos[3];
  EXPECT_FALSE(at::equal(short_row, long_row));
  EXPECT_TENSOR_EQ(table.angles(4, at::kCPU).cos[3], short_row);
  EXPECT_TENSOR_EQ(table.angles(40, at::kCPU).cos[3], long_row);
}

TEST(RotaryTable, EarlierViewsSurviveGrowth) {
  const RotaryTable table(small_options());
  const RotaryAngles first = table.angles(5, at::kCPU);
  const at::Tensor copy = first.sin.clone();
  table.angles(12, at::kCPU);
  EXPECT_TENSOR_EQ(first.sin, copy);
}

TEST(RotaryTable, ScaleIsOneWithoutExtension) {
  RotaryOptions options = small_options();
  options.max_positions = options.original_max_positions;
  EXPECT_EQ(RotaryTable(options).scale(), 1.0);
}

TEST(RotaryTable, RefusesListsOfAnotherLength) {
  RotaryOptions options = small_options();
  options.long_factor.pop_back();
  EXPECT_THROW(RotaryTable{options}, c10::Error);
}

TEST(RotateHalf, MatchesFloat64) {
  for (const int64_t head_dim : {2, 8, 32, 96}) {
    SCOPED_TRACE(head_dim);
    const auto half = static_cast<size_t>(head_dim / 2);
    const RotaryTable table({head_dim, 10000.0, std::vector<double>(half, 1.5),
                             std::vector<double>(half, 3.0), 16, 64});
    const RotaryAngles angles = table.angles(11, at::kCPU);
    const auto rotate = [&](const TensorList& x) { return rotate_half(x[0], angles); };
    test::expect_near_double(rotate, {random_tensor({11, 3 * head_dim}, 1)}, test::kKernel);
    test::expect_near_double(rotate, {random_tensor({11, 3 * head_dim}, 1).to(at::kBFloat16)},
                             test::kBfloat16Kernel);
  }
}

TEST(RotateHalf, PairsAreHalfAHeadApart) {
  const at::Tensor x = at::zeros({1, 8});
  x[0][1] = 1.0F;
  const RotaryAngles angles{at::full({1, 4}, 0.6F), at::full({1, 4}, 0.8F)};
  const at::Tensor y = rotate_half(x, angles);
  EXPECT_FLOAT_EQ(y[0][1].item<float>(), 0.6F);
  EXPECT_FLOAT_EQ(y[0][5].item<float>(), 0.8F);
}

}  // namespace
}  // namespace omnigen::nn
