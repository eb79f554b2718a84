#include "optim/lr_schedule.h"

#include <gtest/gtest.h>

#include "util/error.h"

namespace omnigen::optim {
namespace {

constexpr double kBase = 5e-5;

LrSchedule schedule(const std::string& name, int64_t warmup, int64_t total = 100) {
  return LrSchedule({name, kBase, warmup, total, 4e-7, 0.8});
}

TEST(LrSchedule, ConstantStaysWithoutWarmup) {
  EXPECT_EQ(schedule("constant", 0).at(0), kBase);
  EXPECT_EQ(schedule("constant", 0).at(1000), kBase);
}

TEST(LrSchedule, ConstantWithWarmupStepsWarmsUp) {
  const LrSchedule warm = schedule("constant", 10);
  EXPECT_EQ(warm.name(), "constant_with_warmup");
  EXPECT_EQ(warm.at(0), 0.0);
  EXPECT_DOUBLE_EQ(warm.at(5), kBase / 2);
  EXPECT_EQ(warm.at(10), kBase);
}

TEST(LrSchedule, LinearFallsToZeroAtTheEnd) {
  EXPECT_DOUBLE_EQ(schedule("linear", 10).at(5), kBase / 2);
  EXPECT_DOUBLE_EQ(schedule("linear", 10).at(55), kBase / 2);
  EXPECT_EQ(schedule("linear", 10).at(100), 0.0);
  EXPECT_EQ(schedule("linear", 10).at(150), 0.0);
}

TEST(LrSchedule, PolynomialEndsAtItsEnd) {
  EXPECT_EQ(schedule("polynomial", 10).at(10), kBase);
  EXPECT_EQ(schedule("polynomial", 10).at(100), 4e-7);
  EXPECT_EQ(schedule("polynomial", 10).at(101), 4e-7);
}

// Values of the specification, SimpleTuner's waves cut down to multiples of 1e-9.
TEST(LrSchedule, CosineIsAWaveOfHalfPeriodWarmup) {
  const LrSchedule cosine = schedule("cosine", 10);
  const double expected[] = {5.0e-5, 4.8786e-5, 4.5263e-5, 3.9777e-5, 3.2863e-5, 2.52e-5};
  for (int64_t g = 0; g < 6; ++g) EXPECT_NEAR(cosine.at(g), expected[g], 1e-15) << g;
  EXPECT_NEAR(cosine.at(10), 4.0e-7, 1e-9);
  EXPECT_NEAR(cosine.at(20), 5.0e-5, 1e-9);
}

TEST(LrSchedule, SineStartsHalfWayAndPeaksAtHalfTheWarmup) {
  EXPECT_NEAR(schedule("sine", 10).at(0), 2.52e-5, 1e-9);
  EXPECT_NEAR(schedule("sine", 10).at(5), 5.0e-5, 1e-9);
  EXPECT_NEAR(schedule("sine", 10).at(15), 4.0e-7, 1e-9);
}

TEST(LrSchedule, CosineWithRestartsFallsAndJumpsBack) {
  const LrSchedule restarts = schedule("cosine_with_restarts", 10);
  EXPECT_NEAR(restarts.at(0), kBase, 1e-9);
  EXPECT_NEAR(restarts.at(5), 2.52e-5, 1e-9);
  EXPECT_LT(restarts.at(9), 2e-6);
  EXPECT_NEAR(restarts.at(10), kBase, 1e-9);
  EXPECT_EQ(restarts.at(13), restarts.at(3));
}

TEST(LrSchedule, CosineWithoutWarmupHasAHalfPeriodOfAThousand) {
  EXPECT_NEAR(schedule("cosine", 0).at(500), 2.52e-5, 1e-9);
}

TEST(LrSchedule, WarmupCosineFallsOnceToItsEnd) {
  const LrSchedule cosine = schedule("warmup_cosine", 10);
  EXPECT_DOUBLE_EQ(cosine.at(5), kBase / 2);
  EXPECT_DOUBLE_EQ(cosine.at(10), kBase);
  EXPECT_DOUBLE_EQ(cosine.at(55), (kBase + 4e-7) / 2);
  EXPECT_NEAR(cosine.at(100), 4e-7, 1e-18);
}

TEST(LrSchedule, WarmupCosineWithRestartsFallsAsOftenAsAsked) {
  const LrSchedule restarts({"warmup_cosine_with_restarts", kBase, 10, 100, 4e-7, 0.8, 3});
  EXPECT_DOUBLE_EQ(restarts.at(10), kBase);
  EXPECT_DOUBLE_EQ(restarts.at(25), (kBase + 4e-7) / 2);
  EXPECT_NEAR(restarts.at(40), kBase, 1e-12);
  EXPECT_NEAR(restarts.at(70), kBase, 1e-12);
  EXPECT_EQ(restarts.at(100), 4e-7);
}

TEST(LrSchedule, RefusesAWaveWithoutAPeriodAndUnknownNames) {
  EXPECT_THROW(schedule("sine", 0), util::ConfigError);
  EXPECT_THROW(schedule("cosin", 10), util::ConfigError);
}

}  // namespace
}  // namespace omnigen::optim
