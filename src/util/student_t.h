// Means of few items with Student's t intervals.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace omnigen::util {

// The value that Student's t with `degrees` degrees of freedom stays below in absolute value with
// the given probability, 2.776 for 0.95 and 4. Errors: Error outside of 0 < probability < 1 and
// degrees >= 1. Source: Abramowitz and Stegun, 26.7.3 and 26.7.4.
double student_t_quantile(double probability, int64_t degrees);

// At least one value.
double mean_of(const std::vector<double>& values);
// Of the mean: s²/n. At least two values.
double variance_of_mean(const std::vector<double>& values);

struct MeanInterval {
  double mean = 0.0;
  std::optional<double> half_width;  // nothing where there is one item

  [[nodiscard]] bool above(double value) const { return half_width && mean - *half_width > value; }
  [[nodiscard]] bool below(double value) const { return half_width && mean + *half_width < value; }
};
// mean ± t(n − 1)·s/√n. At least one item.
MeanInterval mean_interval(const std::vector<double>& items, double confidence);

}  // namespace omnigen::util
