// Which linear layers of a model get an adapter (class LycorisConfig).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "adapter/lokr.h"
#include "adapter/lokr_file.h"
#include "adapter/lycoris_config.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

constexpr const char* kMlpName = "FeedForward";          // as users write it
constexpr const char* kMlpClass = "OmniGenFeedForward";  // as the model calls it

bool is_below(const std::string& name, const std::string& parent) {
  return parent.empty() || name == parent || name.starts_with(parent + ".");
}

std::string counted(int64_t count, const std::string& what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// One line per pair of a factor and a size it does not divide.
void add_factor_notices(const std::vector<LycorisConfig::Selected>& selected,
                        std::vector<std::string>& notices) {
  std::map<std::pair<int64_t, int64_t>, std::string> lines;
  for (const auto& [module, options] : selected) {
    const LokrShape shape = lokr_shape(module->out_features, module->in_features, options);
    const auto add = [&, &name = module->name](int64_t size, int64_t first, int64_t second) {
      if (options.factor <= 0 || size % options.factor == 0) return;
      lines.try_emplace(
          {options.factor, size},
          fmt::format("lycoris: factor {} does not divide {} ({}): using {} x {} [C24]",
                      options.factor, size, name, std::min(first, second),
                      std::max(first, second)));
    };
    add(module->out_features, shape.a, shape.b);
    add(module->in_features, shape.c, shape.d);
  }
  for (const auto& [key, line] : lines) notices.push_back(line);
}

std::string describe(const LokrShape& shape) {
  return fmt::format("{}x{}: W1 {}x{}, W2 {}x{}{}", shape.out_features(), shape.in_features(),
                     shape.a, shape.c, shape.b, shape.d,
                     shape.low_rank_w2 ? fmt::format(" of rank {}", shape.rank) : "");
}

}  // namespace

std::string lycoris_name(std::string module_name, const std::string& prefix) {
  std::replace(module_name.begin(), module_name.end(), '.', '_');
  return prefix + "_" + module_name;
}

// Walks the tree once, in the order of definition, as the library does.
class LycorisConfig::Walk {
 public:
  Walk(const LycorisConfig& config, const nn::ModuleTree& tree) : config_(config), tree_(tree) {}

  void run() {
    for (size_t i = 0; i < tree_.size(); ++i) {
      const nn::ModuleInfo& module = tree_[i];
      if (config_.excluded(module.name)) continue;
      const std::string* target = config_.class_target(module.class_name);
      const NamePattern* pattern = name_pattern(module.name);
      if (pattern != nullptr) {
        ++by_name_[pattern->text()];
        take(module, config_.name_options(module), pattern->text());
      } else if (target != nullptr) {
        ++by_class_[*target][module.class_name];
        descend(i, *target);
      }
    }
  }

  std::vector<Selected>& selected() { return selected_; }

  void add_notices(std::vector<std::string>& notices) const {
    add_class_notices(notices);
    for (const NamePattern& pattern : config_.target_names_) {
      const auto found = by_name_.find(pattern.text());
      notices.push_back(
          found == by_name_.end()
              ? fmt::format("lycoris: target_name \"{}\" matches no module of this model",
                            pattern.text())
              : fmt::format("lycoris: \"{}\" matched {}", pattern.text(),
                            counted(found->second, "module")));
    }
    if (num_convolutions_ > 0) {
      notices.push_back(
          fmt::format("lycoris: {} below the targets get no adapter: only linear layers do",
                      counted(num_convolutions_, "convolution")));
    }
    add_factor_notices(selected_, notices);
    std::vector<std::string> per_target;
    for (const auto& [target, count] : layers_) {
      per_target.push_back(fmt::format("{} {}", target, count));
    }
    int64_t parameters = 0;
    for (const auto& [module, options] : selected_) {
      parameters += lokr_shape(module->out_features, module->in_features, options).num_parameters();
    }
    notices.push_back(
        fmt::format("lycoris: {} adapted ({}), {}", counted(std::ssize(selected_), "layer"),
                    fmt::join(per_target, ", "), counted(parameters, "trained parameter")));
  }

 private:
  [[nodiscard]] const NamePattern* name_pattern(const std::string& name) const {
    for (const NamePattern& pattern : config_.target_names_) {
      if (pattern.matches(name)) return &pattern;
    }
    return nullptr;
  }

  // Every linear layer below a matched module; a class of module_algo_map on the way down brings
  // its own options for what is below it.
  void descend(size_t top, const std::string& target) {
    const std::string& root = tree_[top].name;
    std::vector<std::pair<std::string, const LokrOptions*>> open;
    for (size_t i = top; i < tree_.size() && is_below(tree_[i].name, root); ++i) {
      const nn::ModuleInfo& module = tree_[i];
      while (!open.empty() && !is_below(module.name, open.back().first)) open.pop_back();
      if (config_.excluded(module.name)) continue;
      const LokrOptions* own = config_.class_options(module.class_name);
      if (own != nullptr) open.emplace_back(module.name, own);
      take(module, open.empty() ? config_.defaults : *open.back().second, target);
    }
  }

  void take(const nn::ModuleInfo& module, const LokrOptions& options, const std::string& target) {
    if (module.class_name.starts_with("Conv") && taken_.insert(module.name).second) {
      ++num_convolutions_;
    }
    if (!module.is_linear() || !taken_.insert(module.name).second) return;
    selected_.push_back({&module, options});
    ++layers_[target];
  }

  void add_class_notices(std::vector<std::string>& notices) const {
    if (config_.default_targets_ && config_.module_algo_map_.empty()) return;
    std::set<std::string> told;
    for (const std::string& target : config_.target_modules_) {
      if (!told.insert(target).second) continue;
      const auto found = by_class_.find(target);
      if (found == by_class_.end()) {
        notices.push_back(
            fmt::format("lycoris: target_module \"{}\" matches no module of this model", target));
        continue;
      }
      for (const auto& [class_name, count] : found->second) {
        notices.push_back(
            class_name == target
                ? fmt::format("lycoris: \"{}\" matched {}", target, counted(count, "module"))
                : fmt::format("lycoris: \"{}\" matched {} {} (SimpleTuner matches none here; set "
                              "\"target_match\": \"exact\" in apply_preset for its behaviour)",
                              target, count, class_name + (count == 1 ? " module" : " modules")));
      }
    }
  }

  const LycorisConfig& config_;
  const nn::ModuleTree& tree_;
  std::vector<Selected> selected_;
  std::set<std::string> taken_;
  std::map<std::string, std::map<std::string, int64_t>> by_class_;  // target, class -> modules
  std::map<std::string, int64_t> by_name_;                          // pattern -> modules
  std::map<std::string, int64_t> layers_;                           // target -> adapted layers
  int64_t num_convolutions_ = 0;
};

bool LycorisConfig::stands_for(const std::string& target, const std::string& class_name) const {
  return target == class_name || (!exact_match_ && target == kMlpName && class_name == kMlpClass);
}

const std::string* LycorisConfig::class_target(const std::string& class_name) const {
  const auto found =
      std::find_if(target_modules_.begin(), target_modules_.end(),
                   [&](const std::string& target) { return stands_for(target, class_name); });
  return found == target_modules_.end() ? nullptr : &*found;
}

bool LycorisConfig::excluded(const std::string& name) const {
  return !name.empty() &&
         std::any_of(exclude_names_.begin(), exclude_names_.end(),
                     [&](const NamePattern& pattern) { return pattern.matches(name); });
}

const LokrOptions* LycorisConfig::class_options(const std::string& class_name) const {
  for (const auto& [target, options] : module_algo_map_) {
    if (target == class_name) return &options;
  }
  for (const auto& [target, options] : module_algo_map_) {
    if (stands_for(target, class_name)) return &options;
  }
  return nullptr;
}

const LokrOptions& LycorisConfig::name_options(const nn::ModuleInfo& module) const {
  for (const auto& [pattern, options] : name_algo_map_) {
    if (pattern.text() == module.name) return options;
  }
  for (const auto& [pattern, options] : name_algo_map_) {
    if (pattern.matches(module.name)) return options;
  }
  const LokrOptions* of_class = class_options(module.class_name);
  return of_class != nullptr ? *of_class : defaults;
}

std::vector<LycorisConfig::Selected> LycorisConfig::select(
    const nn::ModuleTree& tree, std::vector<std::string>* notices) const {
  Walk walk(*this, tree);
  walk.run();
  if (walk.selected().empty()) {
    std::vector<std::string> targets = target_modules_;
    for (const NamePattern& pattern : target_names_) targets.push_back(pattern.text());
    throw util::ConfigError(fmt::format(
        "config error: lycoris_config: apply_preset: no linear layer is adapted: no module matches "
        "{}; write \"target_module\": [\"Attention\", \"FeedForward\"]",
        targets.empty() ? "an empty list of targets"
                        : fmt::format("{}", fmt::join(targets, ", "))));
  }
  if (notices != nullptr) {
    notices->insert(notices->end(), notices_.begin(), notices_.end());
    walk.add_notices(*notices);
  }
  return std::move(walk.selected());
}

std::vector<PlannedLayer> LycorisConfig::plan(const nn::ModuleTree& tree,
                                              std::vector<std::string>* notices) const {
  std::set<std::string> names;
  std::vector<PlannedLayer> layers;
  for (const auto& [module, options] : select(tree, notices)) {
    const std::string name = lycoris_name(module->name, lora_prefix);
    if (!names.insert(name).second) {
      throw util::ConfigError(
          fmt::format("config error: lycoris_config: two layers would both be called {}; exclude "
                      "{} with exclude_name",
                      name, module->name));
    }
    const LokrShape shape = lokr_shape(module->out_features, module->in_features, options);
    const auto make = [shape, name](uint64_t seed, at::Device device) {
      return std::make_shared<LokrFactors>(shape, name, seed, device);
    };
    layers.push_back({module, name, describe(shape), shape.num_parameters(), make});
  }
  return layers;
}

AdapterFiles LycorisConfig::files(Tensors tensors, const FileFacts& facts) const {
  return lokr_files(text, std::move(tensors), facts);
}

}  // namespace omnigen::adapter
