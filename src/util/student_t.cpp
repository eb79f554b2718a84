#include "util/student_t.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <string>

#include "util/error.h"

namespace omnigen::util {
namespace {

// Probability that |t| stays below `t`: a finite sum in powers of cos θ, tan θ = t/√ν.
double probability_below(double t, int64_t degrees) {
  const double theta = std::atan(t / std::sqrt(static_cast<double>(degrees)));
  const double cosine = std::cos(theta);
  const bool odd = degrees % 2 == 1;
  double term = odd ? cosine : 1.0;
  double sum = odd && degrees == 1 ? 0.0 : term;
  for (int64_t k = odd ? 3 : 2; k <= degrees - 2; k += 2) {
    term *= cosine * cosine * static_cast<double>(k - 1) / static_cast<double>(k);
    sum += term;
  }
  return odd ? 2.0 / std::numbers::pi * (theta + std::sin(theta) * sum) : std::sin(theta) * sum;
}

}  // namespace

double student_t_quantile(double probability, int64_t degrees) {
  if (!(probability > 0 && probability < 1) || degrees < 1) {
    throw Error("student_t_quantile(" + std::to_string(probability) + ", " +
                std::to_string(degrees) + ")");
  }
  double low = 0.0;
  double high = 1.0;
  while (probability_below(high, degrees) < probability) high *= 2;
  constexpr int kHalvings = 80;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    (probability_below(middle, degrees) < probability ? low : high) = middle;
  }
  return (low + high) / 2;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double variance_of_mean(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const auto n = static_cast<double>(values.size());
  return squares / (n - 1) / n;
}

MeanInterval mean_interval(const std::vector<double>& items, double confidence) {
  MeanInterval interval{mean_of(items), std::nullopt};
  if (items.size() < 2) return interval;
  interval.half_width = student_t_quantile(confidence, static_cast<int64_t>(items.size()) - 1) *
                        std::sqrt(variance_of_mean(items));
  return interval;
}

}  // namespace omnigen::util
