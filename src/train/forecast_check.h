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
  // After every step, with what its passes and the reduction took. Returns the comparison once,
  // after some steps; else "".
  std::string after_step(double step_s);
  // After the last step. Returns it where there were fewer, but enough to say something; else "".
  [[nodiscard]] std::string at_end() const;

 private:
  [[nodiscard]] std::string comparison() const;

  StepForecast forecast_;
  at::Device device_;
  std::vector<double> step_s_;
};

}  // namespace omnigen::train
