// Parameters + gradients -> new parameters.
#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace omnigen::optim {

// A trained leaf: float32, requires_grad, its .grad a view of the flat gradient buffer.
struct Parameter {
  std::string name;
  at::Tensor value;
};

class Optimizer {
 public:
  Optimizer() = default;
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // One update with the given rate from every parameter's .grad. Counts its own steps.
  virtual void step(double learning_rate) = 0;
  // Everything that must survive a restart, bit for bit, by name (`<parameter>.exp_avg`, …).
  [[nodiscard]] virtual std::map<std::string, at::Tensor> state_dict() const = 0;
  // Errors: DataError for missing, unexpected or mis-shaped state.
  virtual void load_state_dict(const std::map<std::string, at::Tensor>& state) = 0;
};

}  // namespace omnigen::optim
