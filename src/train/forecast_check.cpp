#include "train/forecast_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "train/device_memory.h"

namespace omnigen::train {
namespace {

constexpr size_t kSteps = 20;
constexpr size_t kFirst = 2;  // that make kernels and buffers
constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

}  // namespace

void ForecastCheck::start() const {
  reset_peak(device_);
}

std::string ForecastCheck::after_step(double step_s) {
  if (step_s_.size() == kSteps) return "";
  step_s_.push_back(step_s);
  return step_s_.size() == kSteps ? comparison() : "";
}

std::string ForecastCheck::at_end() const {
  constexpr size_t kLeast = 3;
  const bool told = step_s_.size() == kSteps;
  return !told && step_s_.size() >= kFirst + kLeast ? comparison() : "";
}

std::string ForecastCheck::comparison() const {
  const std::vector<double> steps(step_s_.begin() + kFirst, step_s_.end());
  double total_s = 0.0;
  for (const double step : steps) total_s += step;
  const double mean_s = total_s / static_cast<double>(steps.size());
  const auto peak = static_cast<double>(peak_bytes(device_));
  const auto expected_peak = static_cast<double>(forecast_.peak_bytes);
  return fmt::format(
      "forecast and {} steps: a step takes {:.3g} s ({:.3g} forecast, {:+.1f} %), memory {:.2f} "
      "GiB ({:.2f} forecast, {:+.1f} %)",
      steps.size(), mean_s, forecast_.step_s(), 100.0 * (mean_s / forecast_.step_s() - 1.0),
      peak / kGiB, expected_peak / kGiB, 100.0 * (peak / expected_peak - 1.0));
}

}  // namespace omnigen::train
