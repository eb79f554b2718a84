#include "optim/lr_schedule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "util/error.h"

namespace omnigen::optim {
namespace {

constexpr std::array kNames = {"constant",
                               "constant_with_warmup",
                               "linear",
                               "polynomial",
                               "cosine",
                               "sine",
                               "cosine_with_restarts",
                               "warmup_cosine",
                               "warmup_cosine_with_restarts"};
constexpr double kWaveGrid = 1e9;  // the waves are cut down to a multiple of 1e-9
constexpr int64_t kDefaultHalfPeriod = 1000;
constexpr double kPi = std::numbers::pi;

}  // namespace

LrSchedule::LrSchedule(LrOptions options) : options_(std::move(options)) {
  if (options_.name == "cosine_with_warmup") options_.name = "cosine";
  if (options_.name == "constant" && options_.warmup_steps > 0)
    options_.name = "constant_with_warmup";
  if (std::find(kNames.begin(), kNames.end(), options_.name) == kNames.end()) {
    throw util::ConfigError(fmt::format("lr_scheduler: \"{}\" is unknown; write one of {}",
                                        options_.name, fmt::join(kNames, ", ")));
  }
  if (options_.name == "sine" && options_.warmup_steps <= 0) {
    throw util::ConfigError(
        "lr_scheduler: sine uses lr_warmup_steps as its half-period; give a value > 0 [C07]");
  }
  if (options_.warmup_steps <= 0 && options_.name.starts_with("cosine")) {
    options_.warmup_steps = kDefaultHalfPeriod;
  }
}

double LrSchedule::between(double height) const {
  return options_.end + (options_.base - options_.end) * (1.0 + height) / 2.0;
}

double LrSchedule::wave(double height) const {
  return std::floor(between(height) * kWaveGrid) / kWaveGrid;
}

// `progress`: share of the steps after the warm-up that are done.
double LrSchedule::after_warmup(double progress) const {
  const auto& [name, base, warmup_steps, total_steps, end, power, num_cycles] = options_;
  if (name == "linear") return base * std::max(0.0, 1.0 - progress);
  if (name == "warmup_cosine") return between(std::cos(kPi * progress));
  if (name == "polynomial") {
    return progress > 1.0 ? end : (base - end) * std::pow(1.0 - progress, power) + end;
  }
  if (progress >= 1.0) return end;
  return between(std::cos(kPi * std::fmod(static_cast<double>(num_cycles) * progress, 1.0)));
}

double LrSchedule::at(int64_t steps_done) const {
  const std::string& name = options_.name;
  const auto step = static_cast<double>(steps_done);
  const auto warmup = static_cast<double>(options_.warmup_steps);
  const auto total = static_cast<double>(options_.total_steps);
  if (name == "constant") return options_.base;
  if (name == "constant_with_warmup") {
    return options_.base * std::min(1.0, step / std::max(1.0, warmup));
  }
  if (name == "cosine") return wave(std::cos(kPi * step / warmup));
  if (name == "sine") return wave(std::sin(kPi * step / warmup));
  if (name == "cosine_with_restarts") return wave(std::cos(kPi * std::fmod(step, warmup) / warmup));
  if (step < warmup) return options_.base * step / warmup;
  return after_warmup((step - warmup) / std::max(1.0, total - warmup));
}

}  // namespace omnigen::optim
