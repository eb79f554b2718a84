#include "validate/paired_difference.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace omnigen::validate {
namespace {

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

TEST(ComparisonItems, AreWhatThePairsAreFormedOf) {
  EXPECT_EQ(comparison_items({{1.0, 2.0}, {3.0, 5.0}}), (std::vector<double>{1.0, 2.0, 3.0, 5.0}));
  const std::vector<std::vector<double>> five = {
      {1.0, 2.0}, {0.0, 0.0}, {2.0, 2.0}, {1.0, 0.0}, {3.0, 5.0}};
  EXPECT_EQ(comparison_items(five), (std::vector<double>{1.5, 0.0, 2.0, 0.5, 4.0}));
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
