// One entry of a model's module tree, in the order in which the published model defines its
// modules.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace omnigen::nn {

struct Linear;

struct ModuleInfo {
  std::string name;        // dotted path, e.g. "layers.0.self_attn.to_out.0"
  std::string class_name;  // the published class, e.g. "Attention", "OmniGenFeedForward", "Linear"
  int64_t out_features = 0;  // linear layers only
  int64_t in_features = 0;
  Linear* linear = nullptr;  // null where the tree was made from shapes alone

  [[nodiscard]] bool is_linear() const { return class_name == "Linear"; }
};

using ModuleTree = std::vector<ModuleInfo>;

}  // namespace omnigen::nn
