#include "report/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace omnigen::report {
namespace {

TEST(MeanInterval, IsStudents) {
  const Interval interval = mean_interval({0.1, 0.2, 0.3, 0.4, 0.5}, 0.95);
  EXPECT_NEAR(interval.mean, 0.3, 1e-12);
  EXPECT_NEAR(interval.half_width.value(), 2.77644510519779 * std::sqrt(0.025 / 5), 1e-12);
  EXPECT_TRUE(interval.above(0.1));
  EXPECT_FALSE(interval.above(0.11));
  EXPECT_TRUE(interval.below(0.5));
  EXPECT_FALSE(mean_interval({1.0}, 0.95).above(0.0));
}

TEST(PairedInterval, NeedsPairs) {
  EXPECT_NEAR(paired_interval({5.0, 1.0}, {4.0, 0.0}, 0.95).value().mean, 1.0, 1e-12);
  EXPECT_FALSE(paired_interval({1.0}, {1.0, 2.0}, 0.95).has_value());
  EXPECT_FALSE(paired_interval({}, {}, 0.95).has_value());
}

// scipy.stats.ttest_ind([1,2,3,4], [2,4,6,8,10], equal_var=False): df = 5.53, taken as 5.
TEST(IndependentInterval, IsWelchs) {
  const Interval interval = independent_interval({1, 2, 3, 4}, {2, 4, 6, 8, 10}, 0.95);
  EXPECT_NEAR(interval.mean, 3.5, 1e-12);
  EXPECT_NEAR(interval.half_width.value(), 2.570581835636314 * std::sqrt(5.0 / 12 + 2.0), 1e-9);
  EXPECT_EQ(independent_interval({1, 1}, {2, 2}, 0.95).half_width, 0.0);
}

TEST(BlockMeans, TakeEveryValueOnce) {
  EXPECT_EQ(block_means({1, 3, 5, 7}, 2), (std::vector<double>{2, 6}));
  EXPECT_EQ(block_means({1, 2}, 10), (std::vector<double>{1, 2}));
  EXPECT_EQ(block_means({1, 2, 3, 4, 5}, 2), (std::vector<double>{1.5, 4}));
}

TEST(Smooth, IsCentred) {
  EXPECT_EQ(smooth({0, 3, 6, 9}, 3), (std::vector<double>{1.5, 3, 6, 7.5}));
  EXPECT_EQ(smooth({4, 2}, 1), (std::vector<double>{4, 2}));
}

TEST(OverTrainingTimes, WeighsByTheLogitNormalDensity) {
  std::vector<double> squares;
  for (int k = 0; k < 200; ++k) squares.push_back((k + 0.5) / 200 * (k + 0.5) / 200);
  std::mt19937_64 engine(7);
  std::normal_distribution<double> normal;
  double sum = 0;
  constexpr int kDraws = 200000;
  for (int i = 0; i < kDraws; ++i) {
    const double t = 1 / (1 + std::exp(-normal(engine)));
    sum += t * t;
  }
  EXPECT_NEAR(over_training_times(squares), sum / kDraws, 2e-3);
  EXPECT_NEAR(over_training_times({2.0, 2.0, 2.0}), 2.0, 1e-12);
}

}  // namespace
}  // namespace omnigen::report
