// Adafactor (arXiv:1804.04235) as torch computes it.
//
//   ρ = min(lr, 1/√t)      q = t^(beta2_decay)      α = max(ε2, RMS(p))·ρ      p *= 1 − lr·λ
//   matrices: R = lerp(R, row means of g², q)   C = lerp(C, column means of g², q)
//             V = R·C / max(mean(R), ε1)
//   vectors:  V = lerp(V, g², q)
//   U = g / √max(V, ε1²)      p −= α·U / max(1, RMS(U)/d)
//
// Rows and columns are the last two dimensions. Source: torch/optim/_adafactor.py.
#pragma once

#include <torch/types.h>

#include <vector>

#include "optim/optimizer.h"

namespace omnigen::optim {

struct AdafactorOptions {
  double beta2_decay = -0.8;
  double eps1 = 1.1920928955078125e-07;  // float32's epsilon
  double eps2 = 1e-3;
  double clip_threshold = 1.0;  // d
  double weight_decay = 0.0;
};

class Adafactor : public Optimizer {
 public:
  Adafactor(const std::vector<Parameter>& parameters, const AdafactorOptions& options);

  void step(double learning_rate) override;
  // `step`; per parameter `row_var` and `col_var`, or `variance` for a vector.
  [[nodiscard]] NamedTensors state_dict() const override;

 private:
  struct State {  // undefined where it does not apply
    at::Tensor row_var;
    at::Tensor col_var;
    at::Tensor variance;
  };
  // V of this step.
  at::Tensor update_variance(State& state, const at::Tensor& grad, double new_share) const;

  AdafactorOptions options_;
  std::vector<State> states_;
  at::Tensor num_steps_;  // int64 scalar
};

}  // namespace omnigen::optim
