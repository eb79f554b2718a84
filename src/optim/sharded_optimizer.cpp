#include "optim/sharded_optimizer.h"

#include <fmt/format.h>

#include "optim/weight_partition.h"
#include "util/error.h"

namespace omnigen::optim {
namespace {

std::vector<int> owners_of(const std::vector<Parameter>& leaves, int num_ranks) {
  if (std::ssize(leaves) < num_ranks) {
    throw util::ConfigError(
        fmt::format("{} ranks share the optimizer's state of {} tensors: every rank needs one of "
                    "them; start no more than {} ranks",
                    num_ranks, leaves.size(), leaves.size()));
  }
  std::vector<int64_t> sizes;
  sizes.reserve(leaves.size());
  for (const Parameter& leaf : leaves) sizes.push_back(leaf.value.numel());
  return partition(sizes, num_ranks);
}

// While one of these lives, tensors hold the values that training begins at.
class StartingValues {
 public:
  StartingValues(const std::vector<Parameter>& owned, const ShardedOptions& options) {
    if (!options.start) return;
    for (const Parameter& parameter : owned) {
      values_.push_back(parameter.value.detach());
      before_.push_back(values_.back().clone());
      values_.back().copy_(options.start(parameter.name));
    }
  }
  ~StartingValues() {
    for (size_t i = 0; i < values_.size(); ++i) values_[i].copy_(before_[i]);
  }
  StartingValues(const StartingValues&) = delete;
  StartingValues& operator=(const StartingValues&) = delete;

 private:
  std::vector<at::Tensor> values_;
  std::vector<at::Tensor> before_;
};

}  // namespace

ShardedOptimizer::ShardedOptimizer(const std::vector<Parameter>& leaves, comm::ProcessGroup& group,
                                   const ShardedOptions& options)
    : Optimizer(options.name, leaves), group_(group), owners_(owners_of(leaves, group.size())) {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (owners_[i] != group_.rank()) continue;
    Parameter parameter{leaves[i].name, leaves[i].value.detach(), leaves[i].grad()};
    TORCH_CHECK(parameter.gradient.defined() && parameter.gradient.scalar_type() == at::kFloat,
                "ShardedOptimizer: ", parameter.name, " has no float32 gradient");
    if (options.masters) parameter.value = parameter.value.to(at::kFloat);
    owned_.push_back(std::move(parameter));
  }
  const StartingValues starting(owned_, options);
  inner_ = options.make(owned_);
  inner_->set_sum_over_ranks([this](double own) { return group_.all_reduce_sum(own); });
}

void ShardedOptimizer::broadcast_each(const std::vector<at::Tensor>& values,
                                      const std::vector<at::Tensor>& into) const {
  const at::NoGradGuard no_grad;
  size_t next = 0;
  for (size_t i = 0; i < into.size(); ++i) {
    at::Tensor target = into[i];
    if (owners_[i] == group_.rank()) {
      const at::Tensor& value = values[next++];
      if (!value.is_alias_of(target)) target.copy_(value);
    }
    group_.broadcast(target, owners_[i]);
  }
}

void ShardedOptimizer::publish() {
  std::vector<at::Tensor> own;
  own.reserve(owned_.size());
  for (const Parameter& parameter : owned_) own.push_back(parameter.value);
  broadcast_each(own, values());
}

void ShardedOptimizer::step(double learning_rate) {
  inner_->step(learning_rate);
  publish();
}

void ShardedOptimizer::step_and_average(double learning_rate, const Averages& averages) {
  inner_->step_and_average(learning_rate, averages);
  publish();
}

std::vector<at::Tensor> ShardedOptimizer::evaluation_weights() const {
  const std::vector<at::Tensor> own = inner_->evaluation_weights();
  if (own.empty()) return {};  // on every rank: it depends on the optimizer alone
  std::vector<at::Tensor> all;
  for (const at::Tensor& leaf : values()) all.push_back(at::empty_like(leaf));
  broadcast_each(own, all);
  return all;
}

}  // namespace omnigen::optim
