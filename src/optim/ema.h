// Exponential average of the trained weights, in float32.
//
// s ← s − (1 − d)(s − p) with d = min((1 + n)/(10 + n), decay), n = step − 1, and 0 for the first
// step; with warm-up w: 0 before w, then `decay`. Source: diffusers training_utils.py (class
// EMAModel).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "optim/optimizer.h"

namespace omnigen::optim {

struct EmaOptions {
  double decay = 0.995;
  int64_t update_interval = 1;
  int64_t warmup_steps = 0;
};

// Decay used after `step` optimizer steps.
double ema_decay(int64_t step, const EmaOptions& options);

class Ema {
 public:
  // Starts as a copy of the parameters.
  Ema(const std::vector<Parameter>& parameters, const EmaOptions& options);

  // What follows the parameters in optimizer step number `step` (from 1), for
  // Optimizer::step_and_average(); nothing between update intervals.
  std::optional<Averages> due(int64_t step);
  // The same after the step.
  void update(int64_t step);
  [[nodiscard]] double decay() const { return decay_; }  // of the last update

  // Shadows by parameter name.
  [[nodiscard]] std::map<std::string, at::Tensor> state_dict() const;
  // Errors: DataError for missing, unexpected or mis-shaped shadows.
  void load_state_dict(const std::map<std::string, at::Tensor>& state);
  [[nodiscard]] const std::vector<at::Tensor>& shadows() const { return shadows_; }

 private:
  std::vector<Parameter> parameters_;
  EmaOptions options_;
  std::vector<at::Tensor> shadows_;
  double decay_ = 0.0;
};

}  // namespace omnigen::optim
