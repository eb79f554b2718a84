// The same few steps with sharded optimizer state and with all of it on one rank.
#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "comm/process_group.h"
#include "optim/make_optimizer.h"
#include "optim/sharded_optimizer.h"

namespace omnigen::optim {

inline constexpr int64_t kShardedSteps = 6;

// Tensors of several sizes. Values and gradients are functions of tensor and step alone.
inline std::vector<Parameter> sharded_leaves(at::ScalarType dtype) {
  std::vector<Parameter> leaves;
  const std::vector<std::vector<int64_t>> shapes = {{40, 8}, {8}, {64, 5}, {5, 5}, {33}};
  for (size_t i = 0; i < shapes.size(); ++i) {
    const auto phase = static_cast<double>(i);
    int64_t count = 1;
    for (const int64_t size : shapes[i]) count *= size;
    const at::Tensor value = (at::arange(count, at::kFloat) * 0.37 + phase).sin().view(shapes[i]);
    leaves.push_back({"layer." + std::to_string(i) + ".weight",
                      value.to(dtype).set_requires_grad(true), at::zeros(shapes[i])});
  }
  return leaves;
}

inline void set_gradients(const std::vector<Parameter>& leaves, int64_t step) {
  for (size_t i = 0; i < leaves.size(); ++i) {
    const at::Tensor values = at::arange(leaves[i].gradient.numel(), at::kFloat);
    const double phase = 1.7 * static_cast<double>(step) + static_cast<double>(i);
    leaves[i].gradient.copy_((values * 0.11 + phase).cos().view(leaves[i].gradient.sizes()) * 0.1);
  }
}

inline config::OptimConfig sharded_config(const std::string& optimizer) {
  config::OptimConfig config;
  config.optimizer = optimizer;
  return config;
}

inline std::unique_ptr<ShardedOptimizer> sharded(const std::string& optimizer,
                                                 const std::vector<Parameter>& leaves,
                                                 comm::ProcessGroup& group) {
  ShardedOptions options;
  options.name = optimizer;
  options.masters = optimizer != "adamw_bf16";
  options.make = [&](const std::vector<Parameter>& owned) {
    return make_optimizer(sharded_config(optimizer), owned, 3);
  };
  return std::make_unique<ShardedOptimizer>(leaves, group, options);
}

// Rates of order 1 for optimizers that find their own.
inline double sharded_rate(const std::string& optimizer) {
  return optimizer.starts_with("prodigy") ? 1.0 : 0.01;
}

// The leaves after kShardedSteps steps of the optimizer on this group.
inline std::vector<at::Tensor> after_sharded_steps(const std::string& optimizer,
                                                   at::ScalarType dtype,
                                                   comm::ProcessGroup& group) {
  const auto leaves = sharded_leaves(dtype);
  const auto optimizer_on_ranks = sharded(optimizer, leaves, group);
  for (int64_t step = 0; step < kShardedSteps; ++step) {
    set_gradients(leaves, step);
    optimizer_on_ranks->step(sharded_rate(optimizer));
  }
  std::vector<at::Tensor> values;
  for (const Parameter& leaf : leaves) values.push_back(leaf.value.detach().clone());
  return values;
}

// The same by the optimizer itself, on float32 leaves.
inline std::vector<at::Tensor> after_whole_steps(const std::string& optimizer) {
  const auto leaves = sharded_leaves(at::kFloat);
  const auto whole = make_optimizer(sharded_config(optimizer), leaves, 3);
  for (int64_t step = 0; step < kShardedSteps; ++step) {
    set_gradients(leaves, step);
    whole->step(sharded_rate(optimizer));
  }
  std::vector<at::Tensor> values;
  for (const Parameter& leaf : leaves) values.push_back(leaf.value.detach().clone());
  return values;
}

}  // namespace omnigen::optim
