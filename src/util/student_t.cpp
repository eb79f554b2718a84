#include "util/student_t.h"

#include <cmath>
#include <numbers>
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

}  // namespace omnigen::util
