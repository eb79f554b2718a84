// Means with intervals, and what a curve says in few numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "util/student_t.h"

namespace omnigen::report {

using Interval = util::MeanInterval;
using util::mean_interval;
using util::mean_of;

// Of base_i − other_i. Nothing where the items are not pairs or there are none.
std::optional<Interval> paired_interval(const std::vector<double>& base,
                                        const std::vector<double>& other, double confidence);
// Of mean(other) − mean(base) of independent items: Welch's t with Satterthwaite's degrees of
// freedom, rounded down. Two items each at least.
Interval independent_interval(const std::vector<double>& base, const std::vector<double>& other,
                              double confidence);

// Means of at most `count` runs of neighbours of about equal length: neighbours depend on each
// other, long runs of them hardly do.
std::vector<double> block_means(const std::vector<double>& values, size_t count);
// Centred moving average over `width` values, fewer at the ends.
std::vector<double> smooth(const std::vector<double>& values, size_t width);
// E of a function of t, given at the middles of equal intervals of 0 < t < 1, over the times that
// training draws: t = sigmoid(N(0, 1)).
double over_training_times(const std::vector<double>& by_time);

}  // namespace omnigen::report
