#include "adapter/adapter_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "util/error.h"

namespace omnigen::adapter {

std::string lycoris_name(std::string module_name, const std::string& prefix) {
  std::replace(module_name.begin(), module_name.end(), '.', '_');
  return prefix + "_" + module_name;
}

AdapterSet::AdapterSet(const LycorisConfig& config, const nn::ModuleTree& tree, uint64_t seed,
                       at::Device device) {
  std::set<std::string> names;
  for (const auto& [module, options] : config.select(tree, &notices_)) {
    const std::string name = lycoris_name(module->name, config.lora_prefix);
    if (!names.insert(name).second) {
      throw util::ConfigError(
          fmt::format("config error: lycoris_config: two layers would both be called {}; exclude "
                      "{} with exclude_name",
                      name, module->name));
    }
    const LokrShape shape = lokr_shape(module->out_features, module->in_features, options);
    attach(*module, {module->name, name, std::make_shared<LokrFactors>(shape, name, seed, device)});
  }
  set_multiplier(config.multiplier);
}

void AdapterSet::attach(const nn::ModuleInfo& module, Entry entry) {
  if (module.linear != nullptr) module.linear->adapter = entry.factors;
  adapters_.push_back(std::move(entry));
}

std::vector<NamedTensor> AdapterSet::parameters() const {
  std::vector<NamedTensor> parameters;
  for (const Entry& entry : adapters_) {
    for (const auto& [name, value] : entry.factors->factors()) {
      parameters.push_back({entry.lycoris_name + "." + name, value});
    }
  }
  return parameters;
}

int64_t AdapterSet::num_parameters() const {
  int64_t total = 0;
  for (const Entry& entry : adapters_) total += entry.factors->shape().num_parameters();
  return total;
}

std::vector<at::Tensor> AdapterSet::parameters_below(const std::string& prefix) const {
  std::vector<at::Tensor> parameters;
  for (const Entry& entry : adapters_) {
    if (!entry.module_name.starts_with(prefix)) continue;
    for (const auto& [name, value] : entry.factors->factors()) parameters.push_back(value);
  }
  return parameters;
}

void AdapterSet::set_multiplier(double multiplier) {
  multiplier_ = multiplier;
  for (const Entry& entry : adapters_) entry.factors->set_multiplier(multiplier);
}

std::map<std::string, at::Tensor> AdapterSet::state_dict(at::ScalarType dtype) const {
  std::map<std::string, at::Tensor> state;
  for (const Entry& entry : adapters_) {
    state[entry.lycoris_name + ".alpha"] =
        at::scalar_tensor(entry.factors->shape().alpha, at::kFloat).to(dtype);
    for (const auto& [name, value] : entry.factors->factors()) {
      state[entry.lycoris_name + "." + name] =
          value.detach().to(dtype, /*non_blocking=*/false, /*copy=*/true);
    }
  }
  return state;
}

at::Tensor AdapterSet::delta_weight(size_t module) const {
  return adapters_.at(module).factors->delta_weight();
}

void AdapterSet::merge_into(nn::ModuleTree& tree) const {
  const at::NoGradGuard no_grad;
  std::map<std::string, const Entry*> by_name;
  for (const Entry& entry : adapters_) by_name[entry.module_name] = &entry;
  for (nn::ModuleInfo& module : tree) {
    const auto found = by_name.find(module.name);
    if (module.linear == nullptr || found == by_name.end()) continue;
    const at::Tensor& weight = module.linear->weight;
    at::Tensor delta = found->second->factors->delta_weight().to(weight.device());
    module.linear->weight =
        delta.mul_(multiplier_).add_(weight.to(at::kFloat)).to(weight.scalar_type());
    module.linear->adapter.reset();
  }
}

}  // namespace omnigen::adapter
