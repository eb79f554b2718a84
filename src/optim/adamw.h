// AdamW (arXiv:1711.05101) in the order of operations of torch.optim.AdamW.
//
//   p *= 1 − lr·λ      m = lerp(m, g, 1 − β1)      v = β2 v + (1 − β2) g²
//   p −= lr/(1 − β1ᵗ) · m / (√v / √(1 − β2ᵗ) + ε)
#pragma once

#include <torch/types.h>

#include <vector>

#include "optim/optimizer.h"

namespace omnigen::optim {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
};

class AdamW : public Optimizer {
 public:
  // Moments have the parameters' dtype: float32 in training, one pass over memory. Other dtypes are
  // for parity with the reference: every operation rounds.
  AdamW(const std::vector<Parameter>& parameters, const AdamWOptions& options);

  void step(double learning_rate) override;
  [[nodiscard]] NamedTensors state_dict() const override;

 private:
  void step_fused(const std::vector<at::Tensor>& grads, double t, double learning_rate);
  void step_rounded(size_t index, const at::Tensor& grad, double t, double learning_rate);

  AdamWOptions options_;
  bool fused_;
  std::vector<at::Tensor> values_;
  std::vector<at::Tensor> exp_avg_;
  std::vector<at::Tensor> exp_avg_sq_;
  at::Tensor num_steps_;  // int64 scalar, so that it is saved like the rest
};

}  // namespace omnigen::optim
