// AdamW (arXiv:1711.05101) with debiased betas, and StableAdamW (arXiv:2304.13013), as torch-optimi
// computes them for float32 weights.
//
//   β̂ = (βᵗ − β)/(βᵗ − 1)      m = lerp(m, g, 1 − β̂1)      v = β̂2 v + (1 − β̂2) g²
//   stable: lr /= max(1, √mean(g² / max(v, ε²))), for each tensor
//   p *= 1 − lr·λ      p −= lr·m / (√v + ε)
//
// Source: optimi/adam.py, stableadamw.py.
#pragma once

#include <torch/types.h>

#include <vector>

#include "optim/optimizer.h"

namespace omnigen::optim {

struct OptimiAdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double eps = 1e-6;
  double weight_decay = 0.0;
  bool stable = false;
};

class OptimiAdamW : public Optimizer {
 public:
  OptimiAdamW(const std::vector<Parameter>& parameters, const OptimiAdamWOptions& options);

  void step(double learning_rate) override;
  // `step`; per parameter `exp_avg`, `exp_avg_sq`.
  [[nodiscard]] NamedTensors state_dict() const override;

 private:
  OptimiAdamWOptions options_;
  std::vector<at::Tensor> exp_avg_;
  std::vector<at::Tensor> exp_avg_sq_;
  at::Tensor num_steps_;  // int64 scalar
};

}  // namespace omnigen::optim
