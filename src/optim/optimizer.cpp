#include "optim/optimizer.h"

#include "optim/average_rows.h"
#include "optim/state_tensors.h"

namespace omnigen::optim {

Optimizer::Optimizer(std::string name, std::vector<Parameter> parameters)
    : name_(std::move(name)), parameters_(std::move(parameters)) {}

void Optimizer::load_state_dict(const NamedTensors& state) {
  NamedTensors own = state_dict();
  copy_state(state, own, name_);
}

void Optimizer::step_and_average(double learning_rate, const Averages& averages) {
  step(learning_rate);
  follow(averages, values());
}

int64_t Optimizer::state_bytes() const {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : state_dict()) bytes += static_cast<int64_t>(tensor.nbytes());
  return bytes;
}

std::vector<at::Tensor> Optimizer::values() const {
  std::vector<at::Tensor> values;
  values.reserve(parameters_.size());
  for (const Parameter& parameter : parameters_) values.push_back(parameter.value.detach());
  return values;
}

std::vector<at::Tensor> Optimizer::gradients() const {
  std::vector<at::Tensor> gradients;
  gradients.reserve(parameters_.size());
  for (const Parameter& parameter : parameters_) gradients.push_back(parameter.grad());
  return gradients;
}

}  // namespace omnigen::optim
