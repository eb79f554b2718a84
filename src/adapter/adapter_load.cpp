// Values of saved tensors into adapters (class AdapterSet).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "adapter/adapter_set.h"
#include "adapter/lokr.h"
#include "adapter/lora.h"
#include "adapter/lycoris_config.h"
#include "adapter/peft_file.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

constexpr size_t kListedNames = 5;
constexpr double kBfloat16Step = 1.0 / 128.0;  // alpha in a bf16 file is off by up to this part

std::string list_text(const std::vector<std::string>& names) {
  const auto shown = static_cast<std::ptrdiff_t>(std::min(names.size(), kListedNames));
  const std::string rest =
      names.size() > kListedNames ? fmt::format(" and {} more", names.size() - kListedNames) : "";
  return fmt::format("{}{}", fmt::join(names.begin(), names.begin() + shown, ", "), rest);
}

std::string shape_text(at::IntArrayRef sizes) {
  return sizes.empty() ? "a scalar" : fmt::format("{}", fmt::join(sizes, "x"));
}

bool differ(double saved, double own) {
  return std::abs(saved - own) > kBfloat16Step * std::abs(own);
}

// Factors, module by module: "lycoris_x.lokr_w1" is lokr_w1 of lycoris_x, and
// "base_model.model.x.lora_A.weight" is lora_A.weight of base_model.model.x.
std::map<std::string, Tensors> by_module(const Tensors& values) {
  std::map<std::string, Tensors> modules;
  for (const auto& [name, value] : values) {
    const size_t end = name.ends_with(".weight") ? name.size() - 8 : name.size() - 1;
    const size_t dot = name.rfind('.', end);
    if (dot == std::string::npos) continue;
    modules[name.substr(0, dot)][name.substr(dot + 1)] = value;
  }
  return modules;
}

// Which saved tensors do not fit a module; empty: all do.
std::vector<std::string> misfits(const LayerAdapter& own, const Tensors& saved) {
  std::vector<std::string> problems;
  for (const auto& [name, value] : own.factors()) {
    const auto found = saved.find(name);
    if (found == saved.end()) {
      problems.push_back(fmt::format("{} is missing", name));
    } else if (found->second.sizes() != value.sizes()) {
      problems.push_back(fmt::format("{} is {}, this configuration gives {}", name,
                                     shape_text(found->second.sizes()), shape_text(value.sizes())));
    }
  }
  for (const auto& [name, value] : saved) {
    const auto& factors = own.factors();
    const bool known = name == "alpha" || std::any_of(factors.begin(), factors.end(),
                                                      [&, &key = name](const auto& factor) {
                                                        return factor.first == key;
                                                      });
    if (!known) problems.push_back(fmt::format("{} is unexpected", name));
  }
  return problems;
}

std::optional<double> saved_alpha(const Tensors& saved) {
  const auto found = saved.find("alpha");
  if (found == saved.end()) return std::nullopt;
  return found->second.to(at::kDouble).item<double>();
}

// An adapter of the kind and shape that saved factors have, its own values not yet theirs.
std::shared_ptr<LayerAdapter> adapter_like(const Tensors& saved, const std::string& name,
                                           const std::string& where, at::Device device) {
  if (saved.contains(kLoraA) || saved.contains(kLoraB)) {
    return std::make_shared<LoraFactors>(lora_shape_of(saved, where), LoraInit::kUniform, name, 0,
                                         device);
  }
  return std::make_shared<LokrFactors>(lokr_shape_of(saved, where), name, 0, device);
}

// Whether a saved module of this name belongs to this layer: PEFT keeps the path, LyCORIS puts
// underscores for its dots behind any prefix.
bool is_name_of(const std::string& saved_name, const std::string& module_name) {
  const size_t prefix = saved_name.find('_');
  return saved_name == peft_name(module_name) ||
         (prefix != std::string::npos &&
          saved_name == lycoris_name(module_name, saved_name.substr(0, prefix)));
}

void copy_factors(const LayerAdapter& own, const Tensors& saved) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, value] : own.factors()) value.detach().copy_(saved.at(name));
}

}  // namespace

void AdapterSet::load_state_dict(const Tensors& values, const std::string& where) {
  std::map<std::string, Tensors> saved = by_module(values);
  std::vector<std::string> missing;
  std::vector<std::string> problems;
  for (const Entry& entry : adapters_) {
    const auto found = saved.find(entry.name);
    if (found == saved.end()) {
      missing.push_back(entry.name);
      continue;
    }
    for (const std::string& problem : misfits(*entry.adapter, found->second)) {
      problems.push_back(entry.name + "." + problem);
    }
    const std::optional<double> alpha = saved_alpha(found->second);
    if (alpha && differ(entry.adapter->scale_of(*alpha), entry.adapter->scale())) {
      problems.push_back(fmt::format("{}.alpha is {}, this configuration gives {}", entry.name,
                                     *alpha, entry.adapter->alpha()));
    }
  }
  std::vector<std::string> unexpected;
  for (const auto& [name, factors] : saved) {
    if (std::none_of(adapters_.begin(), adapters_.end(),
                     [&, &key = name](const Entry& entry) { return entry.name == key; })) {
      unexpected.push_back(name);
    }
  }
  std::vector<std::string> parts;
  if (!problems.empty()) parts.push_back(list_text(problems));
  if (!missing.empty()) {
    parts.push_back(fmt::format("{} modules missing: {}", missing.size(), list_text(missing)));
  }
  if (!unexpected.empty()) {
    parts.push_back(
        fmt::format("{} modules unexpected: {}", unexpected.size(), list_text(unexpected)));
  }
  if (!parts.empty()) {
    throw util::DataError(fmt::format(
        "{}: not the adapter that this configuration describes: {}; use init_lora to start from "
        "its weights where shapes agree, or another output_dir [C44]",
        where, fmt::join(parts, "; ")));
  }
  for (const Entry& entry : adapters_) copy_factors(*entry.adapter, saved.at(entry.name));
}

std::vector<std::string> AdapterSet::init_from(const Tensors& values, const std::string& where) {
  const std::map<std::string, Tensors> saved = by_module(values);
  std::vector<std::string> left;
  size_t taken = 0;
  std::string reason = "it has none of these modules";
  for (const Entry& entry : adapters_) {
    const auto found = saved.find(entry.name);
    const auto problems = found == saved.end() ? std::vector<std::string>{"the module is missing"}
                                               : misfits(*entry.adapter, found->second);
    if (!problems.empty()) {
      left.push_back(entry.name);
      if (found != saved.end()) reason = entry.name + "." + problems.front();
      continue;
    }
    copy_factors(*entry.adapter, found->second);
    ++taken;
    const std::optional<double> alpha = saved_alpha(found->second);
    if (!alpha) continue;
    const double scale = entry.adapter->scale_of(*alpha);
    if (differ(scale, entry.adapter->scale())) {
      const at::NoGradGuard no_grad;
      entry.adapter->factors().front().second.detach().mul_(scale / entry.adapter->scale());
    }
  }
  if (taken == 0) {
    throw util::DataError(fmt::format(
        "init_lora: {}: no module fits this configuration: {}; write the rank, factor and "
        "targets that made the file",
        where, reason));
  }
  std::vector<std::string> notices = {
      fmt::format("init_lora: {}: {} of {} modules taken", where, taken, adapters_.size())};
  if (!left.empty()) {
    notices.push_back(fmt::format("init_lora: {} modules start afresh, {}: {}", left.size(), reason,
                                  list_text(left)));
  }
  return notices;
}

AdapterSet AdapterSet::from_tensors(const Tensors& values, const nn::ModuleTree& tree,
                                    const std::string& where, at::Device device) {
  std::map<std::string, Tensors> saved = by_module(values);
  AdapterSet set;
  for (const nn::ModuleInfo& module : tree) {
    const auto found = std::find_if(saved.begin(), saved.end(), [&](const auto& entry) {
      return is_name_of(entry.first, module.name);
    });
    if (!module.is_linear() || found == saved.end()) continue;
    const std::string place = fmt::format("{}: {}", where, found->first);
    auto adapter = adapter_like(found->second, found->first, place, device);
    if (adapter->out_features() != module.out_features ||
        adapter->in_features() != module.in_features) {
      throw util::DataError(fmt::format(
          "{}: its factors make a {}x{} weight, the model's layer {} has {}x{}; use the model that "
          "the adapter was trained on",
          place, adapter->out_features(), adapter->in_features(), module.name, module.out_features,
          module.in_features));
    }
    const auto problems = misfits(*adapter, found->second);
    if (!problems.empty()) throw util::DataError(fmt::format("{}.{}", place, problems.front()));
    copy_factors(*adapter, found->second);
    set.attach(module, {module.name, found->first, std::move(adapter)});
    saved.erase(found);
  }
  if (!saved.empty() || set.adapters_.empty()) {
    std::vector<std::string> left;
    for (const auto& [name, factors] : saved) left.push_back(name);
    throw util::DataError(
        fmt::format("{}: {} of its modules belong to no linear layer of this model: {}; expected "
                    "names such as lycoris_layers_0_self_attn_to_q or "
                    "base_model.model.layers.0.self_attn.to_q",
                    where, left.size(), left.empty() ? "(no tensors)" : list_text(left)));
  }
  return set;
}

}  // namespace omnigen::adapter
