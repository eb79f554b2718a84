#include "report/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace omnigen::report {
std::optional<Interval> paired_interval(const std::vector<double>& base,
                                        const std::vector<double>& other, double confidence) {
  if (base.empty() || base.size() != other.size()) return std::nullopt;
  std::vector<double> differences;
  for (size_t i = 0; i < base.size(); ++i) differences.push_back(base[i] - other[i]);
  return mean_interval(differences, confidence);
}

Interval independent_interval(const std::vector<double>& base, const std::vector<double>& other,
                              double confidence) {
  const double a = util::variance_of_mean(base);
  const double b = util::variance_of_mean(other);
  Interval interval{mean_of(other) - mean_of(base), 0.0};
  if (a + b <= 0.0) return interval;
  const double degrees = (a + b) * (a + b) /
                         (a * a / static_cast<double>(base.size() - 1) +
                          b * b / static_cast<double>(other.size() - 1));
  interval.half_width =
      util::student_t_quantile(confidence, std::max<int64_t>(1, static_cast<int64_t>(degrees))) *
      std::sqrt(a + b);
  return interval;
}

std::vector<double> block_means(const std::vector<double>& values, size_t count) {
  std::vector<double> means;
  count = std::min(count, values.size());
  for (size_t block = 0; block < count; ++block) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(block * values.size() / count);
    const auto end =
        values.begin() + static_cast<std::ptrdiff_t>((block + 1) * values.size() / count);
    means.push_back(std::accumulate(begin, end, 0.0) / static_cast<double>(end - begin));
  }
  return means;
}

std::vector<double> smooth(const std::vector<double>& values, size_t width) {
  std::vector<double> sums = {0.0};
  for (const double value : values) sums.push_back(sums.back() + value);
  std::vector<double> means;
  const size_t half = width / 2;
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t begin = i - std::min(i, half);
    const size_t end = std::min(values.size(), i + half + 1);
    means.push_back((sums[end] - sums[begin]) / static_cast<double>(end - begin));
  }
  return means;
}

double over_training_times(const std::vector<double>& by_time) {
  double sum = 0.0;
  double weights = 0.0;
  for (size_t k = 0; k < by_time.size(); ++k) {
    const double t = (static_cast<double>(k) + 0.5) / static_cast<double>(by_time.size());
    const double logit = std::log(t / (1.0 - t));
    const double weight = std::exp(-0.5 * logit * logit) / (t * (1.0 - t));
    sum += weight * by_time[k];
    weights += weight;
  }
  return sum / weights;
}

}  // namespace omnigen::report
