#include "optim/adamw.h"

#include <algorithm>
#include <cmath>

#include "optim/state_tensors.h"

namespace omnigen::optim {
namespace {

// A tensor of float32 values, rounded to the dtype it is kept in.
void round_into(at::Tensor& kept, const at::Tensor& values) {
  kept.copy_(values);
}

at::Tensor wide(const at::Tensor& tensor) {
  return tensor.to(at::kFloat);
}

}  // namespace

AdamW::AdamW(const std::vector<Parameter>& parameters, const AdamWOptions& options)
    : Optimizer("torch-adamw", parameters),
      options_(options),
      values_(values()),
      num_steps_(at::zeros({}, at::kLong)) {
  for (const at::Tensor& value : values_) {
    exp_avg_.push_back(at::zeros_like(value));
    exp_avg_sq_.push_back(at::zeros_like(value));
  }
  fused_ = std::all_of(values_.begin(), values_.end(),
                       [](const at::Tensor& value) { return value.scalar_type() == at::kFloat; });
}

void AdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  num_steps_ += 1;
  if (values_.empty()) return;
  const auto t = static_cast<double>(num_steps_.item<int64_t>());
  const std::vector<at::Tensor> grads = gradients();
  if (fused_) {
    step_fused(grads, t, learning_rate);
    return;
  }
  for (size_t i = 0; i < grads.size(); ++i) step_rounded(i, grads[i], t, learning_rate);
}

void AdamW::step_fused(const std::vector<at::Tensor>& grads, double t, double learning_rate) {
  const at::Tensor steps = at::full({}, t, values_[0].options());
  at::_fused_adamw_(values_, grads, exp_avg_, exp_avg_sq_, /*max_exp_avg_sqs=*/{},
                    std::vector<at::Tensor>(values_.size(), steps), learning_rate, options_.beta1,
                    options_.beta2, options_.weight_decay, options_.eps, /*amsgrad=*/false,
                    /*maximize=*/false);
}

void AdamW::step_rounded(size_t index, const at::Tensor& grad, double t, double learning_rate) {
  const auto& [beta1, beta2, eps, weight_decay] = options_;
  at::Tensor& value = values_[index];
  at::Tensor& exp_avg_sq = exp_avg_sq_[index];
  round_into(value, wide(value).mul_(1.0 - learning_rate * weight_decay));
  exp_avg_[index].lerp_(grad, 1.0 - beta1);
  round_into(exp_avg_sq, wide(exp_avg_sq).mul_(beta2));
  exp_avg_sq.addcmul_(grad, grad, 1.0 - beta2);
  at::Tensor denominator = exp_avg_sq.sqrt();
  round_into(denominator, wide(denominator).div_(std::sqrt(1.0 - std::pow(beta2, t))));
  round_into(denominator, wide(denominator).add_(eps));
  value.addcdiv_(exp_avg_[index], denominator, -learning_rate / (1.0 - std::pow(beta1, t)));
}

NamedTensors AdamW::state_dict() const {
  NamedTensors state = {{"step", num_steps_}};
  for (size_t i = 0; i < values_.size(); ++i) {
    add_state(state, parameters()[i].name,
              {{"exp_avg", exp_avg_[i]}, {"exp_avg_sq", exp_avg_sq_[i]}});
  }
  return state;
}

}  // namespace omnigen::optim
