// bitsandbytes' AdamW (arXiv:1711.05101), its moments in 8-bit blocks for large tensors.
//
//   m = β1 m + (1 − β1) g      v = β2 v + (1 − β2) g²      c1 = 1 − β1ᵗ      c2 = √(1 − β2ᵗ)
//   p *= 1 − lr·λ              p −= lr·(c2/c1)·m / (√v + c2·ε)
//
// In float32 whatever the parameters' dtype, which is rounded to once at the end. As its CPU build
// computes: the CUDA 8-bit kernel decays after the step (lr²·λ apart at most). Paged buffers hold
// the same numbers, so the `-paged` name means the same here. Source: bitsandbytes
// backends/cpu/ops.py.
#pragma once

#include <torch/types.h>

#include <vector>

#include "optim/coded_moment.h"
#include "optim/optimizer.h"

namespace omnigen::optim {

struct BnbAdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-6;
  double weight_decay = 0.01;
  int64_t min_coded_elements = 4096;  // smaller tensors keep float32 moments
};

class BnbAdamW : public Optimizer {
 public:
  BnbAdamW(const std::vector<Parameter>& parameters, const BnbAdamWOptions& options);

  void step(double learning_rate) override;
  // `step`; per parameter `state1`, `state2` (float32, or uint8 codes) and, with codes, `absmax1`,
  // `absmax2`.
  [[nodiscard]] NamedTensors state_dict() const override;

 private:
  BnbAdamWOptions options_;
  std::vector<CodedMoment> first_;
  std::vector<CodedMoment> second_;
  at::Tensor num_steps_;  // int64 scalar
};

}  // namespace omnigen::optim
