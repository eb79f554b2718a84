// Quantiles of Student's t distribution, for intervals around means of few items.
#pragma once

#include <cstdint>

namespace omnigen::util {

// The value that Student's t with `degrees` degrees of freedom stays below in absolute value with
// the given probability, 2.776 for 0.95 and 4. Errors: Error outside of 0 < probability < 1 and
// degrees >= 1. Source: Abramowitz and Stegun, 26.7.3 and 26.7.4.
double student_t_quantile(double probability, int64_t degrees);

}  // namespace omnigen::util
