// AdamW with bf16 weights, a bf16 residual ("shift") whose sum with the weight is the true value,
// bf16 moments and stochastic rounding.
//
// The trained tensor always holds bf16 values exactly: it is a float32 leaf, or a bf16 tensor which
// then is the parameter itself. No bias correction of the first moment. Two modes:
//
//   intended   m = β1 m + (1 − β1) g and v = β2 v + (1 − β2) g², both stochastically rounded when
//              kept; p + shift −= lr·c·m / (√v + ε) + lr·λ·p in float32, c = √(1 − β2ᵗ); p is the
//              nearest bf16 value of that sum, the shift the rest of it, stochastically rounded.
//   reference  SimpleTuner's arithmetic to the last bit: momentum g + (1 − β1)·β1·m, a second
//              moment that cannot decay, weight decay paid when 0.005 of it is owed.
//
// Source: arogozhnikov/adamw_bfloat16; SimpleTuner helpers/training/optimizers/adamw_bfloat16.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "optim/optimizer.h"

namespace omnigen::optim {

struct AdamWBf16Options {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-6;
  double weight_decay = 0.01;
  bool reference = false;
  uint64_t seed = 0;
};

// One tensor's state. All bf16 but the last.
struct AdamWBf16State {
  at::Tensor parameter;  // during adamw_bf16_update()
  at::Tensor exp_avg;
  at::Tensor exp_avg_sq;
  at::Tensor shift;
  at::Tensor owed_decay;  // float64 scalar, mode reference: λ·lr summed since decay was last paid
};

// Rounds float32 to bf16: away from zero with the probability of the lost bits. `bits`: int32 in
// [0, 2¹⁶), same shape.
at::Tensor round_stochastically(const at::Tensor& values, const at::Tensor& bits);

// Which rounding of a step wants random bits; the first four in the order of mode reference.
enum class Rounding { kFirstMoment, kShift, kParameter, kShiftAgain, kSecondMoment };
using RoundingBits = std::function<at::Tensor(Rounding)>;

// Update number `step` (from 1) of one tensor. `grad` float32; mode reference rounds it to bf16
// first.
void adamw_bf16_update(AdamWBf16State& state, const at::Tensor& grad, double learning_rate,
                       int64_t step, const AdamWBf16Options& options, const RoundingBits& bits);

// Bits are keyed (seed, parameter, step): the same on every rank and after any resume on the same
// kind of device. On the CPU mode intended is one pass over all tensors (adamw_bf16_rows.h).
class AdamWBf16 : public Optimizer {
 public:
  // Rounds every leaf to bf16; what is lost goes to its shift (mode reference: is lost).
  AdamWBf16(const std::vector<Parameter>& parameters, const AdamWBf16Options& options);

  void step(double learning_rate) override { step_and_average(learning_rate, {}); }
  void step_and_average(double learning_rate, const Averages& averages) override;
  [[nodiscard]] NamedTensors state_dict() const override;

 private:
  void step_by_tensor_ops(size_t index, double learning_rate, int64_t step, uint64_t key);

  AdamWBf16Options options_;
  std::vector<AdamWBf16State> states_;
  at::Tensor num_steps_;  // int64 scalar
};

}  // namespace omnigen::optim
