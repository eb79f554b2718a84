#include "optim/lion.h"

#include "optim/state_tensors.h"

namespace omnigen::optim {

Lion::Lion(const std::vector<Parameter>& parameters, const LionOptions& options)
    : Optimizer("optimi-lion", parameters), options_(options), values_(values()) {
  for (const at::Tensor& value : values_) {
    exp_avg_.push_back(at::zeros_like(value));
    if (value.scalar_type() != at::kFloat) kahan_comp_.push_back(at::zeros_like(value));
  }
  TORCH_CHECK(kahan_comp_.empty() || kahan_comp_.size() == values_.size(),
              "Lion: weights of float32 and of another dtype in one optimizer");
}

void Lion::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  if (values_.empty()) return;
  const std::vector<at::Tensor> grads = gradients();
  if (options_.weight_decay != 0) {
    at::_foreach_mul_(values_, 1.0 - learning_rate * options_.weight_decay);
  }
  std::vector<at::Tensor> updates = at::_foreach_lerp(exp_avg_, grads, 1.0 - options_.beta1);
  at::_foreach_sign_(updates);
  at::_foreach_lerp_(exp_avg_, grads, 1.0 - options_.beta2);
  if (kahan_comp_.empty()) {
    at::_foreach_add_(values_, updates, -learning_rate);
  } else {
    add_compensated(updates, learning_rate);
  }
}

void Lion::add_compensated(const std::vector<at::Tensor>& updates, double learning_rate) {
  at::_foreach_add_(kahan_comp_, updates, -learning_rate);
  std::vector<at::Tensor> lost;
  for (const at::Tensor& value : values_) lost.push_back(value.clone());
  at::_foreach_add_(values_, kahan_comp_);
  at::_foreach_sub_(lost, values_);
  at::_foreach_add_(kahan_comp_, lost);
}

NamedTensors Lion::state_dict() const {
  NamedTensors state;
  for (size_t i = 0; i < values_.size(); ++i) {
    add_state(state, parameters()[i].name,
              {{"exp_avg", exp_avg_[i]},
               {"kahan_comp", kahan_comp_.empty() ? at::Tensor() : kahan_comp_[i]}});
  }
  return state;
}

}  // namespace omnigen::optim
