#include "train/ema_weights.h"

namespace omnigen::train {

EmaWeights::EmaWeights(std::vector<optim::Parameter> parameters, std::vector<int> holders,
                       const optim::Ema* ema, comm::ProcessGroup& group)
    : parameters_(std::move(parameters)), holders_(std::move(holders)), ema_(ema), group_(group) {}

void EmaWeights::enter() {
  const at::NoGradGuard no_grad;
  live_.clear();
  size_t next = 0;  // of this rank's shadows
  for (size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor value = parameters_[i].value.detach();
    live_.push_back(value.clone());
    if (holders_[i] == group_.rank()) value.copy_(ema_->shadows()[next++]);
    group_.broadcast(value, holders_[i]);
  }
}

void EmaWeights::leave() {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i].value.detach().copy_(live_[i]);
  live_.clear();
}

}  // namespace omnigen::train
