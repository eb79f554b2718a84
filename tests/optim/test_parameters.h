// Small leaves with gradients.
#pragma once

#include <string>

#include "optim/optimizer.h"

namespace omnigen::optim {

inline Parameter parameter_of(const std::string& name, const at::Tensor& value,
                              const at::Tensor& grad) {
  Parameter parameter{name, value.clone().set_requires_grad(true)};
  parameter.value.mutable_grad() = grad.clone();
  return parameter;
}

inline Parameter one_of(double value, double grad) {
  return parameter_of("p", at::full({1}, value), at::full({1}, grad));
}

}  // namespace omnigen::optim
