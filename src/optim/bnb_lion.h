// bitsandbytes' Lion (arXiv:2302.06675), its moment in 8-bit blocks for large tensors.
//
//   p *= 1 − lr·λ      p −= lr·sign(β1 m + (1 − β1) g)      m = β2 m + (1 − β2) g
//
// In float32 whatever the parameters' dtype, which is rounded to once at the end. As its CPU build
// and its portable quantiser compute; the CUDA kernel differs only where a code's sign would change
// (|m| below 2.75e-7 of its block's absmax). Paged buffers hold the same numbers, so the `-paged`
// names mean the same here. Source: bitsandbytes backends/cpu/ops.py.
#pragma once

#include <torch/types.h>

#include <vector>

#include "optim/coded_moment.h"
#include "optim/optimizer.h"

namespace omnigen::optim {

struct BnbLionOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0.0;
  int64_t min_coded_elements = 4096;  // smaller tensors keep a float32 moment
};

class BnbLion : public Optimizer {
 public:
  BnbLion(const std::vector<Parameter>& parameters, const BnbLionOptions& options);

  void step(double learning_rate) override;
  // Per parameter `state1` (float32, or uint8 codes) and, with codes, `absmax1`.
  [[nodiscard]] NamedTensors state_dict() const override;

 private:
  BnbLionOptions options_;
  std::vector<CodedMoment> moments_;
};

}  // namespace omnigen::optim
