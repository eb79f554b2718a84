// The optimizer and schedule that a configuration names.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "config/schema.h"
#include "optim/lr_schedule.h"
#include "optim/optimizer.h"

namespace omnigen::optim {

// Defaults of the named optimizer, overridden by adam_*, optimizer_beta1 and _beta2,
// optimizer_config. Errors: ConfigError for a name or setting that is not there, with the closest
// available.
std::unique_ptr<Optimizer> make_optimizer(const config::OptimConfig& config,
                                          const std::vector<Parameter>& parameters, uint64_t seed);

// lr_scale multiplies the rate by the global batch, lr_scale_sqrt by its square root.
LrSchedule make_schedule(const config::OptimConfig& config, int64_t total_steps,
                         int64_t global_batch);

// Bytes of state per trained parameter, for the memory estimate.
int64_t state_bytes_per_parameter(const std::string& optimizer);

}  // namespace omnigen::optim
