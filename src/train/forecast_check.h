// What the first steps took beside what was forecast.
#pragma once

#include <cstdint>
#include <vector>

#include "train/step_forecast.h"

namespace omnigen::train {

class ForecastCheck {
 public:
  // `device`: whose memory the forecast is of.
  ForecastCheck(StepForecast forecast, at::Device device) : forecast_(forecast), device_(device) {}

  // Before the first step.
  void start() const;
  // After every step. Returns the comparison once, after some steps; else "".
  std::string after_step(double compute_s);

 private:
  StepForecast forecast_;
  at::Device device_;
  std::vector<double> compute_s_;
};

}  // namespace omnigen::train
