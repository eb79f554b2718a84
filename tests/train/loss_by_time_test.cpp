#include "train/loss_by_time.h"

#include <gtest/gtest.h>

#include <limits>

namespace omnigen::train {
namespace {

TEST(LossByTime, HasMeansOfTheBinsThatSamplesFellInto) {
  const auto rows =
      loss_by_time({0.51, 0.02, 0.54, 0.04}, {1.0, 2.0, 4.0, 3.0}, {true, true, true, true});
  EXPECT_EQ(rows.dump(), "[[0,2,2.5],[10,2,2.5]]");
}

TEST(LossByTime, EndsOfTheRangeFallIntoTheOuterBins) {
  EXPECT_EQ(loss_by_time({1.0, 0.0}, {1.0, 2.0}, {true, true}).dump(), "[[0,1,2.0],[19,1,1.0]]");
}

TEST(LossByTime, LeavesOutWhatDoesNotCount) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(loss_by_time({0.5, 0.5, 0.5}, {nan, 7.0, 1.0}, {true, false, true}).dump(),
            "[[10,1,1.0]]");
  EXPECT_EQ(loss_by_time({}, {}, {}).dump(), "[]");
}

}  // namespace
}  // namespace omnigen::train
