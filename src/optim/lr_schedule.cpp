#include "optim/lr_schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "util/error.h"

namespace omnigen::optim {
namespace {

constexpr std::array kNames = {"constant", "constant_with_warmup", "linear", "polynomial", "cosine",
                               "sine",     "cosine_with_restarts"};
constexpr double kWaveGrid = 1e9;  // the waves are cut down to a multiple of 1e-9
constexpr int64_t kDefaultHalfPeriod = 1000;

}  // namespace

LrSchedule::LrSchedule(LrOptions options) : options_(std::move(options)) {
  if (options_.name == "cosine_with_warmup") options_.name = "cosine";
  if (options_.name == "constant" && options_.warmup_steps > 0)
    options_.name = "constant_with_warmup";
  if (std::find(kNames.begin(), kNames.end(), options_.name) == kNames.end()) {
    throw util::ConfigError(
        fmt::format("lr_scheduler: \"{}\" is unknown; write constant, "
                    "constant_with_warmup, linear, polynomial, cosine, sine or "
                    "cosine_with_restarts",
                    options_.name));
  }
  if (options_.name == "sine" && options_.warmup_steps <= 0) {
    throw util::ConfigError(
        "lr_scheduler: sine uses lr_warmup_steps as its half-period; give a value > 0 [C07]");
  }
  if (options_.warmup_steps <= 0 && options_.name.starts_with("cosine")) {
    options_.warmup_steps = kDefaultHalfPeriod;
  }
}

double LrSchedule::wave(double height) const {
  const double rate = options_.end + (options_.base - options_.end) * (1.0 + height) / 2.0;
  return std::floor(rate * kWaveGrid) / kWaveGrid;
}

double LrSchedule::at(int64_t steps_done) const {
  const auto& [name, base, warmup_steps, total_steps, end, power] = options_;
  const auto step = static_cast<double>(steps_done);
  const auto warmup = static_cast<double>(warmup_steps);
  const auto total = static_cast<double>(total_steps);
  constexpr double kPi = std::numbers::pi;
  if (name == "constant") return base;
  if (name == "constant_with_warmup") return base * std::min(1.0, step / std::max(1.0, warmup));
  if (name == "cosine") return wave(std::cos(kPi * step / warmup));
  if (name == "sine") return wave(std::sin(kPi * step / warmup));
  if (name == "cosine_with_restarts") return wave(std::cos(kPi * std::fmod(step, warmup) / warmup));
  if (step < warmup) return base * step / warmup;
  if (name == "linear") {
    return base * std::max(0.0, (total - step) / std::max(1.0, total - warmup));
  }
  if (step > total) return end;
  return (base - end) * std::pow(1.0 - (step - warmup) / (total - warmup), power) + end;
}

}  // namespace omnigen::optim
