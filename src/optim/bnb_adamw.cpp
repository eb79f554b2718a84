#include "optim/bnb_adamw.h"

#include <cmath>

#include "optim/state_tensors.h"

namespace omnigen::optim {

BnbAdamW::BnbAdamW(const std::vector<Parameter>& parameters, const BnbAdamWOptions& options)
    : Optimizer("bnb-adamw8bit", parameters),
      options_(options),
      num_steps_(at::zeros({}, at::kLong)) {
  if (parameters.empty()) return;
  const at::Device device = parameters.front().value.device();
  const auto first = std::make_shared<const BlockCodebook>(BlockCodebook::Range::kSigned, device);
  const auto second =
      std::make_shared<const BlockCodebook>(BlockCodebook::Range::kUnsigned, device);
  for (const at::Tensor& value : values()) {
    first_.emplace_back(value, first, options_.min_coded_elements);
    second_.emplace_back(value, second, options_.min_coded_elements);
  }
}

void BnbAdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  num_steps_ += 1;
  const auto t = static_cast<double>(num_steps_.item<int64_t>());
  const auto& [beta1, beta2, eps, weight_decay, min_coded_elements] = options_;
  const double correction1 = 1.0 - std::pow(beta1, t);
  const double correction2 = std::sqrt(1.0 - std::pow(beta2, t));
  const std::vector<at::Tensor> leaves = values();
  for (size_t i = 0; i < leaves.size(); ++i) {
    const at::Tensor grad = parameters()[i].grad().to(at::kFloat);
    const at::Tensor first = first_[i].load().mul_(beta1).add_(grad, 1.0 - beta1);
    const at::Tensor second = second_[i].load().mul_(beta2).addcmul_(grad, grad, 1.0 - beta2);
    const at::Tensor value = leaves[i].to(at::kFloat);
    if (weight_decay > 0) value.mul_(1.0 - learning_rate * weight_decay);
    value.addcdiv_(first, second.sqrt().add_(correction2 * eps),
                   -learning_rate * correction2 / correction1);
    leaves[i].copy_(value);
    first_[i].store(first);
    second_[i].store(second);
  }
}

NamedTensors BnbAdamW::state_dict() const {
  NamedTensors state = {{"step", num_steps_}};
  for (size_t i = 0; i < first_.size(); ++i) {
    add_state(state, parameters()[i].name,
              {{"state1", first_[i].state()},
               {"absmax1", first_[i].absmax()},
               {"state2", second_[i].state()},
               {"absmax2", second_[i].absmax()}});
  }
  return state;
}

}  // namespace omnigen::optim
