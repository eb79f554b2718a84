// Parameters + gradients -> new parameters.
#pragma once

#include <torch/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace omnigen::optim {

// A trained tensor: a float32 leaf whose .grad is a view of the flat gradient buffer, or any tensor
// with such a view beside it (weights of a lower precision, and their float32 masters).
struct Parameter {
  std::string name;
  at::Tensor value;
  at::Tensor gradient = {};  // float32; undefined: value's own

  [[nodiscard]] const at::Tensor& grad() const {
    return gradient.defined() ? gradient : value.grad();
  }
};

using NamedTensors = std::map<std::string, at::Tensor>;
// Averages s of the parameters p, in their order, that follow them: s ← s − weight · (s − p). All
// float32.
struct Averages {
  std::vector<at::Tensor> values;
  float weight = 0.0F;
};
// This rank's number -> the sum of every rank's, the same bits on all. Collective.
using SumOverRanks = std::function<double(double)>;

class Optimizer {
 public:
  // `name` as in the configuration, for messages.
  Optimizer(std::string name, std::vector<Parameter> parameters);
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // One update with the given rate from every parameter's .grad. Counts its own steps.
  virtual void step(double learning_rate) = 0;
  // step(), and the averages follow the new values: in the same pass over memory where the
  // optimizer has one. The same bits as one after the other.
  virtual void step_and_average(double learning_rate, const Averages& averages);

  // Everything that must survive a restart, bit for bit, by name (`<parameter>.exp_avg`, …): the
  // optimizer's own tensors, not copies.
  [[nodiscard]] virtual NamedTensors state_dict() const = 0;
  // Errors: DataError for missing, unexpected or mis-shaped state.
  void load_state_dict(const NamedTensors& state);
  // Of everything in state_dict().
  [[nodiscard]] int64_t state_bytes() const;

  // What to save and to measure with instead of the trained weights, in the parameters' order;
  // empty: the trained weights themselves.
  [[nodiscard]] virtual std::vector<at::Tensor> evaluation_weights() const { return {}; }
  // What to log as the rate where the schedule says `learning_rate`.
  [[nodiscard]] virtual double logged_rate(double learning_rate) const { return learning_rate; }

  // Where every rank updates tensors of its own: for numbers that are summed over all tensors. Then
  // step() is collective.
  void set_sum_over_ranks(SumOverRanks sum) { sum_over_ranks_ = std::move(sum); }

  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }

 protected:
  // A sum over this rank's tensors -> over all tensors.
  [[nodiscard]] double over_ranks(double own) const {
    return sum_over_ranks_ ? sum_over_ranks_(own) : own;
  }
  // Leaves without their history, and their gradients, in order.
  [[nodiscard]] std::vector<at::Tensor> values() const;
  [[nodiscard]] std::vector<at::Tensor> gradients() const;

 private:
  std::string name_;
  std::vector<Parameter> parameters_;
  SumOverRanks sum_over_ranks_;
};

}  // namespace omnigen::optim
