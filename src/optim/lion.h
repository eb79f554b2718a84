// Lion (arXiv:2302.06675) in the order of operations of torch-optimi's list form.
//
//   p *= 1 − lr·λ      u = sign(lerp(m, g, 1 − β1))      m = lerp(m, g, 1 − β2)      p −= lr·u
//
// Weights below float32 carry what their rounding loses in a second tensor (Kahan summation).
// Source: optimi/lion.py.
#pragma once

#include <torch/types.h>

#include <vector>

#include "optim/optimizer.h"

namespace omnigen::optim {

struct LionOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0.0;
};

class Lion : public Optimizer {
 public:
  // State has the parameters' dtype, which is the same for all: float32 in training, bfloat16 for
  // parity with the reference (every operation rounds).
  Lion(const std::vector<Parameter>& parameters, const LionOptions& options);

  void step(double learning_rate) override;
  // Per parameter `exp_avg`, and `kahan_comp` below float32.
  [[nodiscard]] NamedTensors state_dict() const override;

 private:
  void add_compensated(const std::vector<at::Tensor>& updates, double learning_rate);

  LionOptions options_;
  std::vector<at::Tensor> values_;
  std::vector<at::Tensor> exp_avg_;
  std::vector<at::Tensor> kahan_comp_;  // empty for float32
};

}  // namespace omnigen::optim
