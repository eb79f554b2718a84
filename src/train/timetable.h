// When images are rendered and losses evaluated: by steps, or by shares of an epoch.
#pragma once

#include <cstdint>

#include "config/schema.h"

namespace omnigen::train {

// The optimizer step that has just been done.
struct StepSpan {
  int64_t step = 0;
  int64_t samples_before = 0;  // of the whole run
  int64_t samples_after = 0;
  int64_t samples_per_epoch = 0;
};

// A step is due every `interval` steps; 0: never.
bool due_by_steps(int64_t interval, const StepSpan& span);
// Due where a multiple of `interval` epochs lies within the step; 0: never.
bool due_by_epochs(double interval, const StepSpan& span);

bool validation_due(const config::ValidateConfig& config, const StepSpan& span);
bool evaluation_due(const config::ValidateConfig& config, const StepSpan& span);

}  // namespace omnigen::train
