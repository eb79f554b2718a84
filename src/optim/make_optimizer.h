// The optimizer, schedule and clipping that a configuration names.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "config/schema.h"
#include "optim/grad_clip.h"
#include "optim/lr_schedule.h"
#include "optim/optimizer.h"

namespace omnigen::optim {

// With the settings of config/optimizer_settings.h. Errors: ConfigError for a name or setting that
// is not there.
std::unique_ptr<Optimizer> make_optimizer(const config::OptimConfig& config,
                                          const std::vector<Parameter>& parameters, uint64_t seed);

// No limit for prodigy and optimi-stableadamw, which limit their own update.
ClipOptions clip_options(const config::OptimConfig& config);

// lr_scale multiplies the rate by the global batch, lr_scale_sqrt by its square root.
double peak_rate(const config::OptimConfig& config, int64_t global_batch);
LrSchedule make_schedule(const config::OptimConfig& config, int64_t total_steps,
                         int64_t global_batch);

}  // namespace omnigen::optim
