#include "train/ema_weights.h"

namespace omnigen::train {

EmaWeights::EmaWeights(std::vector<optim::Parameter> parameters, const optim::Ema* ema,
                       comm::ProcessGroup& group)
    : parameters_(std::move(parameters)), ema_(ema), group_(group) {}

void EmaWeights::enter() {
  const at::NoGradGuard no_grad;
  live_.clear();
  for (size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor value = parameters_[i].value.detach();
    live_.push_back(value.clone());
    if (ema_ != nullptr) value.copy_(ema_->shadows()[i]);
    group_.broadcast(value, 0);
  }
}

void EmaWeights::leave() {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i].value.detach().copy_(live_[i]);
  live_.clear();
}

}  // namespace omnigen::train
