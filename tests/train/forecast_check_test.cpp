#include "train/forecast_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace omnigen::train {
namespace {

using ::testing::HasSubstr;

TEST(ForecastCheck, ComparesOnceAfterTheStepsThatMakeKernels) {
  StepForecast forecast;
  forecast.compute_s = 0.2;
  forecast.peak_bytes = int64_t{1} << 40;
  ForecastCheck check(forecast, at::kCPU);
  check.start();
  for (int i = 0; i < 19; ++i) EXPECT_EQ(check.after_step(i < 2 ? 9.0 : 0.21), "");
  const std::string text = check.after_step(0.21);
  EXPECT_THAT(text, HasSubstr("18 steps: a step takes 0.21 s (0.2 forecast, +5.0 %)"));
  EXPECT_THAT(text, HasSubstr("(1024.00 forecast, -"));
  EXPECT_EQ(check.after_step(0.21), "");
}

TEST(ForecastCheck, ComparesAtTheEndOfAShortRun) {
  StepForecast forecast;
  forecast.compute_s = 0.2;
  forecast.peak_bytes = int64_t{1} << 40;
  ForecastCheck check(forecast, at::kCPU);
  check.start();
  for (int i = 0; i < 4; ++i) check.after_step(0.3);
  EXPECT_EQ(check.at_end(), "");  // two of four make kernels
  for (int i = 0; i < 4; ++i) check.after_step(0.21);
  EXPECT_THAT(check.at_end(), HasSubstr("6 steps: a step takes 0.24 s (0.2 forecast, +20.0 %)"));
  for (int i = 0; i < 12; ++i) check.after_step(0.21);
  EXPECT_EQ(check.at_end(), "");  // told already
}

}  // namespace
}  // namespace omnigen::train
