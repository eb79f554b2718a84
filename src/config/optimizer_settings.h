// The numbers an optimizer is made with: its own defaults, overridden by adam_*, by optimizer_beta1
// and _beta2, and by name in optimizer_config, the later the stronger.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/schema.h"

namespace omnigen::config {

struct OptimizerSettings {
  // By the names of optimizer_config. Switches are 0 or 1; NaN stands for "none".
  std::map<std::string, double> values;
  // Key and what is wrong with it, or has no effect.
  std::vector<std::pair<std::string, std::string>> problems;
  std::vector<std::pair<std::string, std::string>> without_effect;

  [[nodiscard]] double at(const std::string& name) const { return values.at(name); }
  [[nodiscard]] bool is_on(const std::string& name) const { return values.at(name) != 0; }
};

// Of the named optimizer; nothing for a name that the table of keys does not have.
OptimizerSettings optimizer_settings(const OptimConfig& config);

// Optimizer and its settings with their defaults, for docs/config.md.
std::vector<std::pair<std::string, std::string>> describe_optimizer_settings();

// True for those that estimate the step size themselves and take no learning rate.
bool finds_own_rate(const std::string& optimizer);

}  // namespace omnigen::config
