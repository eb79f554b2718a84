// Learning rate by optimizer step.
//
// Source: SimpleTuner helpers/training/custom_schedule.py (cosine, sine, polynomial), diffusers
// optimization.py (constant_with_warmup, linear; its cosine and cosine_with_restarts, which end at
// 0, as warmup_cosine and warmup_cosine_with_restarts, which end at `end`). For cosine and sine
// `warmup_steps` is the wave's half-period.
#pragma once

#include <cstdint>
#include <string>

namespace omnigen::optim {

struct LrOptions {
  std::string name = "constant_with_warmup";
  double base = 0.0;
  int64_t warmup_steps = 0;
  int64_t total_steps = 0;
  double end = 4e-7;
  double power = 0.8;      // of polynomial
  int64_t num_cycles = 1;  // of warmup_cosine_with_restarts
};

class LrSchedule {
 public:
  // Errors: ConfigError for an unknown name, or a wave without a period.
  explicit LrSchedule(LrOptions options);

  // Rate of update number `steps_done` + 1.
  [[nodiscard]] double at(int64_t steps_done) const;

  // `constant` with warm-up steps is constant_with_warmup.
  [[nodiscard]] const std::string& name() const { return options_.name; }

 private:
  // Between `base` at height 1 and `end` at −1.
  [[nodiscard]] double between(double height) const;
  [[nodiscard]] double wave(double height) const;
  [[nodiscard]] double after_warmup(double progress) const;

  LrOptions options_;
};

}  // namespace omnigen::optim
