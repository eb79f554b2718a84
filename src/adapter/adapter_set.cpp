#include "adapter/adapter_set.h"

#include <algorithm>
#include <map>

namespace omnigen::adapter {

AdapterSet::AdapterSet(const AdapterPlan& plan, const nn::ModuleTree& tree, uint64_t seed,
                       at::Device device) {
  for (const PlannedLayer& layer : plan.plan(tree, &notices_)) {
    attach(*layer.module, {layer.module->name, layer.name, layer.make(seed, device)});
  }
  set_multiplier(plan.initial_multiplier());
}

void AdapterSet::attach(const nn::ModuleInfo& module, Entry entry) {
  if (module.linear != nullptr) module.linear->adapter = entry.adapter;
  adapters_.push_back(std::move(entry));
}

std::vector<NamedTensor> AdapterSet::parameters() const {
  std::vector<NamedTensor> parameters;
  for (const Entry& entry : adapters_) {
    for (const auto& [name, value] : entry.adapter->factors()) {
      parameters.push_back({entry.name + "." + name, value});
    }
  }
  return parameters;
}

int64_t AdapterSet::num_parameters() const {
  int64_t total = 0;
  for (const Entry& entry : adapters_) total += entry.adapter->num_parameters();
  return total;
}

std::vector<at::Tensor> AdapterSet::parameters_below(const std::string& prefix) const {
  std::vector<at::Tensor> parameters;
  for (const Entry& entry : adapters_) {
    if (!entry.module_name.starts_with(prefix)) continue;
    for (const auto& [name, value] : entry.adapter->factors()) parameters.push_back(value);
  }
  return parameters;
}

void AdapterSet::set_multiplier(double multiplier) {
  multiplier_ = multiplier;
  for (const Entry& entry : adapters_) entry.adapter->set_multiplier(multiplier);
}

void AdapterSet::set_sample_rows(const std::shared_ptr<const SampleRows>& rows) {
  for (const Entry& entry : adapters_) entry.adapter->set_sample_rows(rows);
}

bool AdapterSet::draws() const {
  return std::any_of(adapters_.begin(), adapters_.end(),
                     [](const Entry& entry) { return entry.adapter->draws(); });
}

Tensors AdapterSet::state_dict(at::ScalarType dtype) const {
  Tensors state;
  for (const Entry& entry : adapters_) {
    state[entry.name + ".alpha"] = at::scalar_tensor(entry.adapter->alpha(), at::kFloat).to(dtype);
    for (const auto& [name, value] : entry.adapter->factors()) {
      state[entry.name + "." + name] =
          value.detach().to(dtype, /*non_blocking=*/false, /*copy=*/true);
    }
  }
  return state;
}

at::Tensor AdapterSet::delta_weight(size_t module) const {
  return adapters_.at(module).adapter->delta_weight();
}

void AdapterSet::merge_into(nn::ModuleTree& tree) const {
  const at::NoGradGuard no_grad;
  std::map<std::string, const Entry*> by_name;
  for (const Entry& entry : adapters_) by_name[entry.module_name] = &entry;
  for (nn::ModuleInfo& module : tree) {
    const auto found = by_name.find(module.name);
    if (module.linear == nullptr || found == by_name.end()) continue;
    const at::Tensor weight = module.linear->dense_weight();
    at::Tensor delta = found->second->adapter->delta_weight().to(weight.device());
    module.linear->weight =
        delta.mul_(multiplier_).add_(weight.to(at::kFloat)).to(weight.scalar_type());
    module.linear->frozen.reset();
    module.linear->adapter.reset();
  }
}

}  // namespace omnigen::adapter
