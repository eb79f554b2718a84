#include "optim/optimi_adamw.h"

#include <cmath>

#include "optim/state_tensors.h"

namespace omnigen::optim {
namespace {

// Share of the new value in the average, 1 − β̂: 1 in the first step.
double new_share(double beta, double t) {
  const double power = std::pow(beta, t);
  return 1.0 - (power - beta) / (power - 1.0);
}

}  // namespace

OptimiAdamW::OptimiAdamW(const std::vector<Parameter>& parameters,
                         const OptimiAdamWOptions& options)
    : Optimizer(options.stable ? "optimi-stableadamw" : "optimi-adamw", parameters),
      options_(options),
      num_steps_(at::zeros({}, at::kLong)) {
  for (const at::Tensor& value : values()) {
    exp_avg_.push_back(at::zeros_like(value));
    exp_avg_sq_.push_back(at::zeros_like(value));
  }
}

void OptimiAdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  num_steps_ += 1;
  const auto t = static_cast<double>(num_steps_.item<int64_t>());
  const double share1 = new_share(options_.beta1, t);
  const double share2 = new_share(options_.beta2, t);
  const std::vector<at::Tensor> leaves = values();
  for (size_t i = 0; i < leaves.size(); ++i) {
    const at::Tensor& grad = parameters()[i].grad();
    exp_avg_[i].lerp_(grad, share1);
    exp_avg_sq_[i].mul_(1.0 - share2).addcmul_(grad, grad, share2);
    at::Tensor rate = at::full({}, learning_rate, leaves[i].options());
    if (options_.stable) {
      const at::Tensor floor = exp_avg_sq_[i].clamp_min(options_.eps * options_.eps);
      rate.div_(grad.square().div_(floor).mean().sqrt_().clamp_min_(1.0));
    }
    if (options_.weight_decay != 0) leaves[i].sub_(leaves[i] * (rate * options_.weight_decay));
    leaves[i].sub_(exp_avg_[i] / exp_avg_sq_[i].sqrt().add_(options_.eps) * rate);
  }
}

NamedTensors OptimiAdamW::state_dict() const {
  NamedTensors state = {{"step", num_steps_}};
  for (size_t i = 0; i < exp_avg_.size(); ++i) {
    add_state(state, parameters()[i].name,
              {{"exp_avg", exp_avg_[i]}, {"exp_avg_sq", exp_avg_sq_[i]}});
  }
  return state;
}

}  // namespace omnigen::optim
