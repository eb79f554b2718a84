#include "validate/paired_difference.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace omnigen::validate {
namespace {

// Two-sided 95 % and 99 %.
TEST(StudentT, QuantilesAreThoseOfTheTables) {
  const std::vector<std::pair<int64_t, double>> at_95 = {
      {1, 12.7062047361747},    {2, 4.30265272974946},     {3, 3.18244630528371},
      {4, 2.77644510519779},    {7, 2.36462425159278},     {27, 2.0518305164802833},
      {30, 2.0422724563012373}, {1000, 1.9623390808264078}};
  for (const auto& [degrees, expected] : at_95) {
    EXPECT_NEAR(student_t_quantile(0.95, degrees), expected, 1e-9) << degrees;
  }
  EXPECT_NEAR(student_t_quantile(0.99, 5), 4.03214298355521, 1e-9);
  EXPECT_THROW(student_t_quantile(0.95, 0), c10::Error);
}

TEST(PairedDifference, IsOverImagesWhereThereAreEnough) {
  // Differences of the images' means: 0.1, 0.2, 0.3, 0.4, 0.5.
  std::vector<std::vector<double>> base;
  std::vector<std::vector<double>> other;
  for (int i = 0; i < 5; ++i) {
    base.push_back({1.0 + i, 2.0 + i});
    other.push_back({1.0 + i - 0.2 * (i + 1), 2.0 + i});
  }
  const auto difference = paired_difference(base, other);
  EXPECT_TRUE(difference.over_images);
  EXPECT_EQ(difference.num_items, 5U);
  EXPECT_NEAR(difference.mean, 0.3, 1e-12);
  // s = sqrt(0.025), t(4) = 2.776445.
  EXPECT_NEAR(difference.interval.value(), 2.77644510519779 * std::sqrt(0.025 / 5), 1e-12);
}

TEST(PairedDifference, IsOverLossesOfFewImages) {
  const auto difference = paired_difference({{1.0, 2.0, 3.0}}, {{1.1, 2.2, 3.3}});
  EXPECT_FALSE(difference.over_images);
  EXPECT_EQ(difference.num_items, 3U);
  EXPECT_NEAR(difference.mean, -0.2, 1e-12);
  EXPECT_NEAR(difference.interval.value(), 4.30265272974946 * 0.1 / std::sqrt(3.0), 1e-12);
}

TEST(PairedDifference, ScatterThatBothShareDoesNotCount) {
  const auto difference = paired_difference({{1.0, 50.0}, {7.0, 0.5}}, {{0.9, 49.9}, {6.9, 0.4}});
  EXPECT_NEAR(difference.mean, 0.1, 1e-12);
  EXPECT_NEAR(difference.interval.value(), 0.0, 1e-12);
}

TEST(PairedDifference, OneLossHasNoInterval) {
  EXPECT_FALSE(paired_difference({{1.0}}, {{0.5}}).interval.has_value());
}

TEST(PairedDifference, UnequalItemsAreAnError) {
  EXPECT_THROW(paired_difference({{1.0}}, {{1.0}, {2.0}}), c10::Error);
  EXPECT_THROW(paired_difference({{1.0}}, {{1.0, 2.0}}), c10::Error);
  EXPECT_THROW(paired_difference({}, {}), c10::Error);
}

TEST(DifferenceText, SaysWhichWayAndOverWhat) {
  EXPECT_EQ(difference_text({0.01234, 0.00453, 8, true}),
            "better than the untouched model by 0.0123 +- 0.0045 (95 %, paired over 8 images)");
  EXPECT_EQ(difference_text({-0.5, 0.25, 28, false}),
            "worse than the untouched model by 0.5000 +- 0.2500 (95 %, paired over 28 losses of "
            "few images)");
  EXPECT_EQ(difference_text({0.5, std::nullopt, 1, false}),
            "better than the untouched model by 0.5000");
}

}  // namespace
}  // namespace omnigen::validate
