// Values of saved tensors into adapters (class AdapterSet).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "adapter/adapter_set.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

using Tensors = std::map<std::string, at::Tensor>;

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

bool both_full(const LokrShape& shape) {
  return !shape.low_rank_w1 && !shape.low_rank_w2;
}

// Scale that saved tensors of this shape mean; both factors full: 1 whatever alpha says.
double saved_scale(const LokrShape& shape, const at::Tensor& alpha) {
  return both_full(shape) ? shape.scale
                          : alpha.to(at::kDouble).item<double>() / static_cast<double>(shape.rank);
}

bool differ(double saved, double own) {
  return std::abs(saved - own) > kBfloat16Step * std::abs(own);
}

// Factors, module by module: "lycoris_x.lokr_w1" is lokr_w1 of lycoris_x.
std::map<std::string, Tensors> by_module(const Tensors& values) {
  std::map<std::string, Tensors> modules;
  for (const auto& [name, value] : values) {
    const size_t dot = name.find('.');
    if (dot == std::string::npos) continue;
    modules[name.substr(0, dot)][name.substr(dot + 1)] = value;
  }
  return modules;
}

at::Tensor factor_or_none(const Tensors& factors, const std::string& name) {
  const auto found = factors.find(name);
  return found == factors.end() || found->second.dim() != 2 ? at::Tensor() : found->second;
}

// The shape that a module's saved factors have.
LokrShape shape_of(const Tensors& factors, const std::string& where) {
  const at::Tensor w1 = factor_or_none(factors, "lokr_w1");
  const at::Tensor w1_a = factor_or_none(factors, "lokr_w1_a");
  const at::Tensor w1_b = factor_or_none(factors, "lokr_w1_b");
  const at::Tensor w2 = factor_or_none(factors, "lokr_w2");
  const at::Tensor w2_a = factor_or_none(factors, "lokr_w2_a");
  const at::Tensor w2_b = factor_or_none(factors, "lokr_w2_b");
  if (!(w1.defined() || (w1_a.defined() && w1_b.defined())) ||
      !(w2.defined() || (w2_a.defined() && w2_b.defined()))) {
    std::vector<std::string> names;
    for (const auto& [name, value] : factors) names.push_back(name);
    throw util::DataError(fmt::format(
        "{}: not a LoKr module of a linear layer: it has {}, expected lokr_w1 or lokr_w1_a and _b, "
        "lokr_w2 or lokr_w2_a and _b, each a matrix",
        where, fmt::join(names, ", ")));
  }
  LokrShape shape;
  shape.low_rank_w1 = !w1.defined();
  shape.low_rank_w2 = !w2.defined();
  shape.a = w1.defined() ? w1.size(0) : w1_a.size(0);
  shape.c = w1.defined() ? w1.size(1) : w1_b.size(1);
  shape.b = w2.defined() ? w2.size(0) : w2_a.size(0);
  shape.d = w2.defined() ? w2.size(1) : w2_b.size(1);
  shape.rank = shape.low_rank_w1 ? w1_a.size(1) : shape.low_rank_w2 ? w2_a.size(1) : 1;
  const auto alpha = factors.find("alpha");
  if (alpha != factors.end() && !both_full(shape)) {
    shape.scale = saved_scale(shape, alpha->second);
  }
  shape.alpha = shape.scale * static_cast<double>(shape.rank);
  return shape;
}

// Which saved tensors do not fit a module; empty: all do.
std::vector<std::string> misfits(const LokrFactors& own, const Tensors& saved) {
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

void copy_factors(const LokrFactors& own, const Tensors& saved) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, value] : own.factors()) value.detach().copy_(saved.at(name));
}

}  // namespace

void AdapterSet::load_state_dict(const Tensors& values, const std::string& where) {
  std::map<std::string, Tensors> saved = by_module(values);
  std::vector<std::string> missing;
  std::vector<std::string> problems;
  for (const Entry& entry : adapters_) {
    const auto found = saved.find(entry.lycoris_name);
    if (found == saved.end()) {
      missing.push_back(entry.lycoris_name);
      continue;
    }
    for (const std::string& problem : misfits(*entry.factors, found->second)) {
      problems.push_back(entry.lycoris_name + "." + problem);
    }
    const LokrShape& shape = entry.factors->shape();
    const auto alpha = found->second.find("alpha");
    if (alpha != found->second.end() && differ(saved_scale(shape, alpha->second), shape.scale)) {
      problems.push_back(fmt::format("{}.alpha is {}, this configuration gives {}",
                                     entry.lycoris_name, alpha->second.item<double>(),
                                     shape.alpha));
    }
  }
  std::vector<std::string> unexpected;
  for (const auto& [name, factors] : saved) {
    if (std::none_of(adapters_.begin(), adapters_.end(),
                     [&, &key = name](const Entry& entry) { return entry.lycoris_name == key; })) {
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
        "{}: not the adapter that this lycoris_config describes: {}; use init_lora to start from "
        "its weights where shapes agree, or another output_dir [C44]",
        where, fmt::join(parts, "; ")));
  }
  for (const Entry& entry : adapters_) copy_factors(*entry.factors, saved.at(entry.lycoris_name));
}

std::vector<std::string> AdapterSet::init_from(const Tensors& values, const std::string& where) {
  const std::map<std::string, Tensors> saved = by_module(values);
  std::vector<std::string> left;
  size_t taken = 0;
  std::string reason = "it has none of these modules";
  for (const Entry& entry : adapters_) {
    const auto found = saved.find(entry.lycoris_name);
    const auto problems = found == saved.end() ? std::vector<std::string>{"the module is missing"}
                                               : misfits(*entry.factors, found->second);
    if (!problems.empty()) {
      left.push_back(entry.lycoris_name);
      if (found != saved.end()) reason = entry.lycoris_name + "." + problems.front();
      continue;
    }
    copy_factors(*entry.factors, found->second);
    ++taken;
    const LokrShape& shape = entry.factors->shape();
    const auto alpha = found->second.find("alpha");
    if (alpha == found->second.end()) continue;
    const double scale = saved_scale(shape, alpha->second);
    if (differ(scale, shape.scale)) {
      const at::NoGradGuard no_grad;
      entry.factors->factors().front().second.detach().mul_(scale / shape.scale);
    }
  }
  if (taken == 0) {
    throw util::DataError(fmt::format(
        "init_lora: {}: no module fits this lycoris_config: {}; write the factor and the dimension "
        "that made the file",
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
    // Whatever the prefix: the path with underscores is what the name ends with.
    const auto found = std::find_if(saved.begin(), saved.end(), [&](const auto& entry) {
      const size_t prefix = entry.first.find('_');
      return prefix != std::string::npos &&
             entry.first == lycoris_name(module.name, entry.first.substr(0, prefix));
    });
    if (!module.is_linear() || found == saved.end()) continue;
    const std::string place = fmt::format("{}: {}", where, found->first);
    const LokrShape shape = shape_of(found->second, place);
    if (shape.out_features() != module.out_features || shape.in_features() != module.in_features) {
      throw util::DataError(fmt::format(
          "{}: its factors make a {}x{} weight, the model's layer {} has {}x{}; use the model that "
          "the adapter was trained on",
          place, shape.out_features(), shape.in_features(), module.name, module.out_features,
          module.in_features));
    }
    auto factors = std::make_shared<LokrFactors>(shape, found->first, 0, device);
    const auto problems = misfits(*factors, found->second);
    if (!problems.empty()) throw util::DataError(fmt::format("{}.{}", place, problems.front()));
    copy_factors(*factors, found->second);
    set.attach(module, {module.name, found->first, std::move(factors)});
    saved.erase(found);
  }
  if (!saved.empty() || set.adapters_.empty()) {
    std::vector<std::string> left;
    for (const auto& [name, factors] : saved) left.push_back(name);
    throw util::DataError(
        fmt::format("{}: {} of its modules belong to no linear layer of this model: {}; expected "
                    "LyCORIS names such as lycoris_layers_0_self_attn_to_q",
                    where, left.size(), left.empty() ? "(no tensors)" : list_text(left)));
  }
  return set;
}

}  // namespace omnigen::adapter
