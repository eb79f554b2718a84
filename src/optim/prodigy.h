// Prodigy (arXiv:2306.06101): Adam that estimates its own step size d, as prodigyopt computes it.
//
//   coupled decay: g += λ·p                          w = (d/d0)·d·lr·bias
//   N = β3 N + w·⟨g, p0 − p⟩                         s = β3 s + w·g
//   m = β1 m + (1 − β1) d·g                          v = β2 v + (1 − β2) d²g²
//   d̂ = d_coef·N / Σ|s|      d = max(d, d̂) while d = d0      d = min(max of all d̂, d·growth_rate)
//   p *= 1 − λ·d_old·lr·bias                         p −= d_old·lr·bias·m / (√v + d·ε)
//
// N and Σ|s| run over every slice_p-th element of all parameters. Gradients are the same on every
// rank, so d is. Source: prodigyopt/prodigy.py.
#pragma once

#include <torch/types.h>

#include <limits>
#include <optional>
#include <vector>

#include "optim/optimizer.h"
#include "optim/state_tensors.h"

namespace omnigen::optim {

struct ProdigyOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  std::optional<double> beta3 = std::nullopt;  // √β2
  double eps = 1e-8;
  double weight_decay = 0.0;
  bool decouple = true;
  bool use_bias_correction = false;  // bias = √(1 − β2ᵗ)/(1 − β1ᵗ), else 1
  bool safeguard_warmup = false;     // s takes (d/d0)·d·g, without the rate
  double d0 = 1e-6;
  double d_coef = 1.0;
  double growth_rate = std::numeric_limits<double>::infinity();
  int64_t slice_p = 1;
};

class Prodigy : public Optimizer {
 public:
  Prodigy(const std::vector<Parameter>& parameters, const ProdigyOptions& options);

  // A rate is a factor of the estimated step size: 1 unless a schedule lowers it. Nothing changes
  // while it is 0, or while every gradient has been 0.
  void step(double learning_rate) override;
  // `step`, `d`, `d_max`, `d_numerator`, `d_denom`; per parameter `exp_avg`, `exp_avg_sq`, `p0`,
  // `s`.
  [[nodiscard]] NamedTensors state_dict() const override;
  [[nodiscard]] double logged_rate(double /*learning_rate*/) const override { return d_.get(); }

 private:
  struct State {
    at::Tensor exp_avg;
    at::Tensor exp_avg_sq;
    at::Tensor p0;  // every slice_p-th element
    at::Tensor s;
  };
  struct Statistics {
    double numerator;
    double denominator;
  };
  [[nodiscard]] at::Tensor every_nth(const at::Tensor& tensor) const;
  Statistics gather(double rate);  // and updates the moments
  void estimate(const Statistics& statistics);

  ProdigyOptions options_;
  double beta3_;
  std::vector<State> states_;
  at::Tensor num_steps_;  // int64 scalar
  SavedNumber d_;
  SavedNumber d_max_;
  SavedNumber d_numerator_;
  SavedNumber d_denom_;
};

}  // namespace omnigen::optim
