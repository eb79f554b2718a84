// Optimizer state shared out over ranks (ZeRO-1, arXiv:1910.02054): every rank updates the tensors
// it owns from the summed gradient, then tells the others their new values.
//
// A leaf below float32 has a float32 master at its owner, which is what is updated; the leaf is the
// master, rounded. Optimizers that keep bf16 weights themselves update the leaf.
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/process_group.h"
#include "optim/optimizer.h"

namespace omnigen::optim {

struct ShardedOptions {
  std::string name;     // of the optimizer, for messages
  bool masters = true;  // false: it keeps bf16 weights itself
  // One that updates the given tensors.
  std::function<std::unique_ptr<Optimizer>(const std::vector<Parameter>&)> make;
  // Values that its state begins at instead of the leaves', by name; the leaves keep theirs.
  std::function<at::Tensor(const std::string&)> start = {};
};

class ShardedOptimizer : public Optimizer {
 public:
  // `leaves` with their gradients, the same list on every rank.
  // Errors: ConfigError when there are more ranks than tensors.
  ShardedOptimizer(const std::vector<Parameter>& leaves, comm::ProcessGroup& group,
                   const ShardedOptions& options);

  // Both collective. `averages` of the owned tensors.
  void step(double learning_rate) override;
  void step_and_average(double learning_rate, const Averages& averages) override;
  // The owned tensors' values into the leaves, everybody's on every rank. Collective.
  void publish();

  // Of the owned tensors, and the numbers that all of them share.
  [[nodiscard]] NamedTensors state_dict() const override { return inner_->state_dict(); }
  // Of all leaves, on every rank. Collective.
  [[nodiscard]] std::vector<at::Tensor> evaluation_weights() const override;
  [[nodiscard]] double logged_rate(double learning_rate) const override {
    return inner_->logged_rate(learning_rate);
  }

  // What this rank updates, in the leaves' order: masters, or leaves themselves.
  [[nodiscard]] const std::vector<Parameter>& owned() const { return owned_; }
  // Of every leaf.
  [[nodiscard]] const std::vector<int>& owners() const { return owners_; }

 private:
  // Every tensor from its owner, who has the next of `values`.
  void broadcast_each(const std::vector<at::Tensor>& values,
                      const std::vector<at::Tensor>& into) const;

  comm::ProcessGroup& group_;
  std::vector<int> owners_;
  std::vector<Parameter> owned_;
  std::unique_ptr<Optimizer> inner_;
};

}  // namespace omnigen::optim
