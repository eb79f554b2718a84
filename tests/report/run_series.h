// Series as runs have them, made up: losses that scatter as noise levels make them.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>

#include "report/loss_rules.h"

namespace omnigen::test {

using Course = std::function<double(double share)>;  // mean loss after a share of the run

// Single losses scatter by a fifth of their mean.
inline report::TrainingLoss training(int64_t num_steps, const Course& mean, double zero = 2.0) {
  report::TrainingLoss loss;
  loss.zero = zero;
  std::mt19937_64 engine(5);
  std::normal_distribution<double> normal(1.0, 0.2);
  for (int64_t step = 1; step <= num_steps; ++step) {
    const double share = static_cast<double>(step) / static_cast<double>(num_steps);
    loss.steps.push_back(step);
    loss.values.push_back(mean(share) * normal(engine));
  }
  return loss;
}

// Ten evaluations over the run of a model whose untouched loss is 0.5; images differ much more from
// one another than evaluations do.
inline report::EvalSeries evaluations(int64_t num_steps, const Course& mean, size_t num_images = 12,
                                      uint64_t seed = 3) {
  constexpr double kUntouched = 0.5;
  report::EvalSeries series;
  series.id = "held-out";
  series.untouched = kUntouched;
  series.untouched_by_time.assign(28, kUntouched);
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> between(0.0, 0.2);
  std::normal_distribution<double> within(0.0, 0.004);
  std::vector<double> offsets;
  for (size_t i = 0; i < num_images; ++i) offsets.push_back(between(engine));
  const auto items = [&](double level) {
    std::vector<double> losses;
    for (const double offset : offsets) losses.push_back(level + offset + within(engine));
    return losses;
  };
  series.untouched_items = items(kUntouched);
  for (int64_t k = 1; k <= 10; ++k) {
    const double level = mean(static_cast<double>(k) / 10.0);
    series.points.push_back(
        {k * num_steps / 10, level, items(level), std::nullopt, std::nullopt, std::nullopt, {}});
  }
  return series;
}

inline double falling(double share) {
  return 0.3 + 0.2 * std::exp(-5.0 * share);
}
// Lowest at a third of the run.
inline double falling_then_rising(double share) {
  return share < 0.3 ? 0.5 - 0.5 * share : 0.35 + 0.3 * (share - 0.3);
}

}  // namespace omnigen::test
