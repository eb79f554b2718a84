#include "train/timetable.h"

#include <cmath>

namespace omnigen::train {
namespace {

double epochs(int64_t samples, const StepSpan& span) {
  return static_cast<double>(samples) / static_cast<double>(span.samples_per_epoch);
}

// Whole intervals in so many samples; a quotient a rounding below a whole number is that number.
int64_t num_intervals(int64_t samples, double interval, const StepSpan& span) {
  constexpr double kRounding = 1e-9;
  return static_cast<int64_t>(std::floor(epochs(samples, span) / interval + kRounding));
}

}  // namespace

bool due_by_steps(int64_t interval, const StepSpan& span) {
  return interval > 0 && span.step % interval == 0;
}

bool due_by_epochs(double interval, const StepSpan& span) {
  return interval > 0 && span.samples_per_epoch > 0 &&
         num_intervals(span.samples_after, interval, span) >
             num_intervals(span.samples_before, interval, span);
}

bool validation_due(const config::ValidateConfig& config, const StepSpan& span) {
  if (span.step < config.validate_after_step) return false;
  if (config.validate_after_epoch > 0 &&
      epochs(span.samples_after, span) < static_cast<double>(config.validate_after_epoch)) {
    return false;
  }
  return due_by_steps(config.validation_step_interval, span) ||
         due_by_epochs(static_cast<double>(config.validation_epoch_interval), span);
}

bool evaluation_due(const config::ValidateConfig& config, const StepSpan& span) {
  return due_by_steps(config.eval_steps_interval, span) ||
         due_by_epochs(config.eval_epoch_interval, span);
}

}  // namespace omnigen::train
