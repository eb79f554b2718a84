#include "optim/bnb_lion.h"

#include "optim/state_tensors.h"

namespace omnigen::optim {

BnbLion::BnbLion(const std::vector<Parameter>& parameters, const BnbLionOptions& options)
    : Optimizer("bnb-lion", parameters), options_(options) {
  if (parameters.empty()) return;
  const auto codebook = std::make_shared<const BlockCodebook>(BlockCodebook::Range::kSigned,
                                                              parameters.front().value.device());
  for (const at::Tensor& value : values()) {
    moments_.emplace_back(value, codebook, options_.min_coded_elements);
  }
}

void BnbLion::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  const auto& [beta1, beta2, weight_decay, min_coded_elements] = options_;
  const std::vector<at::Tensor> leaves = values();
  for (size_t i = 0; i < leaves.size(); ++i) {
    const at::Tensor grad = parameters()[i].grad().to(at::kFloat);
    const at::Tensor moment = moments_[i].load();
    const at::Tensor value = leaves[i].to(at::kFloat);
    if (weight_decay > 0) value.mul_(1.0 - learning_rate * weight_decay);
    value.add_(moment.mul(beta1).add_(grad, 1.0 - beta1).sign_(), -learning_rate);
    leaves[i].copy_(value);
    moments_[i].store(moment.mul_(beta2).add_(grad, 1.0 - beta2));
  }
}

NamedTensors BnbLion::state_dict() const {
  NamedTensors state;
  for (size_t i = 0; i < moments_.size(); ++i) {
    add_state(state, parameters()[i].name,
              {{"state1", moments_[i].state()}, {"absmax1", moments_[i].absmax()}});
  }
  return state;
}

}  // namespace omnigen::optim
