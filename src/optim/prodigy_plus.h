// Prodigy with schedule-free averaging, which SimpleTuner calls `prodigy`: no schedule, no clipping
// and no learning rate are needed.
//
//   V of β2 v + (1 − β2) d²g² (rows and columns apart for large tensors)   u = d·g / (√V + d·ε)
//   stable: u /= √max(1, RMS(u))
//   w = d²/√d0      N += w·⟨g, p0 − z⟩      s = β3 s + w·g      D = Σ|s|
//   decay: u += λ·y      c = (d·lr)² / Σ(d·lr)²      y = lerp(y, z, c)      z −= d·lr·u
//   y −= d·lr·(1 − β1(1 − c))·u
//   after a step: N = β3 N_old + N (not below 0 while d = d0)      d = max(d, d_coef·min(N/D, 2^¼
//   d))
//
// y is trained, z its fast companion; what to measure and to save is x = lerp(y, z, 1 − 1/β1).
// Without schedule-free: m = β1 m + (1 − β1) d·g in place of d·g, p = p(1 − λ·d·lr) − d·lr·u, and
// N from p. N and D run over every 11th element of all parameters; gradients are the same on every
// rank, so d is.
//
// Source: prodigyplus/core_optimiser.py, prodigy_plus_schedulefree.py (version 2.0.1;
// schedule-free: arXiv:2405.15682, Prodigy: arXiv:2306.06101). As there, V of a tall matrix is the
// mean of its rows alone.
#pragma once

#include <torch/types.h>

#include <optional>
#include <vector>

#include "optim/optimizer.h"
#include "optim/state_tensors.h"

namespace omnigen::optim {

struct ProdigyPlusOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  std::optional<double> beta3 = std::nullopt;  // √β2
  double eps = 1e-8;
  double weight_decay = 0.0;
  bool weight_decay_by_lr = true;  // false: λ is not multiplied by d·lr
  double d0 = 1e-6;
  double d_coef = 1.0;
  bool d_limiter = true;      // no more than 2^¼ a step
  int64_t prodigy_steps = 0;  // d stays from this step on; 0: never
  double schedulefree_c = 0;  // c *= (1 − β1)·schedulefree_c, at most 1; 0: as above
  bool factored = true;
  bool use_bias_correction = false;  // of v, with the rectified rate of RAdam
  bool use_stableadamw = true;
  bool use_schedulefree = true;
};

class ProdigyPlus : public Optimizer {
 public:
  // Leaves must be float32.
  ProdigyPlus(const std::vector<Parameter>& parameters, const ProdigyPlusOptions& options);

  // A rate is a factor of the estimated step size: 1 unless a schedule lowers it.
  void step(double learning_rate) override;
  // `step`, `d`, `d_numerator`, `d_denom`, `weight_sum`; per parameter `z` or `exp_avg`,
  // `exp_avg_sq` or `exp_avg_sq_row` and `exp_avg_sq_col`, and in bfloat16 `p0` and `s`.
  [[nodiscard]] NamedTensors state_dict() const override;
  [[nodiscard]] std::vector<at::Tensor> evaluation_weights() const override;
  [[nodiscard]] double logged_rate(double /*learning_rate*/) const override { return d_.get(); }

 private:
  struct State {  // undefined where it does not apply
    at::Tensor z;
    at::Tensor exp_avg;
    at::Tensor exp_avg_sq;
    at::Tensor exp_avg_sq_row;
    at::Tensor exp_avg_sq_col;
    at::Tensor p0;
    at::Tensor s;
  };
  // The numbers of one step.
  struct Factors {
    double d;
    double rate;  // d·lr
    double beta2;
    bool rectified;  // false: too early for v to mean anything
    double share;    // c
  };
  struct Statistics {
    at::Tensor numerator;  // float32 scalars
    at::Tensor denominator;
  };
  [[nodiscard]] Factors factors(double learning_rate, int64_t step);
  [[nodiscard]] bool adapts(int64_t step) const;
  // √V of this step.
  at::Tensor root_second_moment(State& state, const at::Tensor& grad, const Factors& factors) const;
  // u of this step.
  at::Tensor update_of(State& state, const at::Tensor& grad, const Factors& factors) const;
  void gather(State& state, const at::Tensor& grad, const at::Tensor& position, double d,
              Statistics& statistics) const;
  void apply(State& state, at::Tensor& value, at::Tensor& update, const Factors& factors) const;
  void estimate(const Statistics& statistics);

  ProdigyPlusOptions options_;
  double beta3_;
  std::vector<State> states_;
  at::Tensor num_steps_;  // int64 scalar
  SavedNumber d_;
  SavedNumber d_numerator_;
  SavedNumber d_denom_;
  SavedNumber weight_sum_;
};

}  // namespace omnigen::optim
