// lycoris_config.json: which layers get a LoKr adapter, and of which shape.
//
// Source: LyCORIS lycoris/wrapper.py (presets, selection), lycoris/modules/lokr.py (storage).
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "adapter/adapter_plan.h"
#include "adapter/lokr_options.h"
#include "adapter/name_pattern.h"
#include "nn/module_info.h"

namespace omnigen::adapter {

// "layers.0.self_attn.to_q" -> "lycoris_layers_0_self_attn_to_q".
std::string lycoris_name(std::string module_name, const std::string& prefix = "lycoris");

class LycorisConfig : public AdapterPlan {
 public:
  // The order of name_algo_map's entries counts: the first pattern that matches wins.
  // Errors: ConfigError with the member, what was found and what to write (rules C20 to C25).
  static LycorisConfig from_json(const nlohmann::ordered_json& json, const std::string& where);
  static LycorisConfig from_file(const std::filesystem::path& path);

  struct Selected {
    const nn::ModuleInfo* module;
    LokrOptions options;  // the defaults with single members overridden by an entry of the maps
  };
  // In the order of the module tree. `notices` gets lines for the log: what each target matched,
  // targets that match nothing, factors that do not divide, layers and parameters in total.
  // Errors: ConfigError when nothing matches at all.
  std::vector<Selected> select(const nn::ModuleTree& tree, std::vector<std::string>* notices) const;

  // Errors: also ConfigError where two layers would get one name.
  [[nodiscard]] std::vector<PlannedLayer> plan(const nn::ModuleTree& tree,
                                               std::vector<std::string>* notices) const override;
  [[nodiscard]] double initial_multiplier() const override { return multiplier; }
  [[nodiscard]] AdapterFiles files(Tensors tensors, const FileFacts& facts) const override;

  double multiplier = 1.0;
  std::string lora_prefix = "lycoris";  // what tensor names begin with
  LokrOptions defaults;
  nlohmann::ordered_json text;  // the file as it was, for `lycoris_config.json` and metadata

 private:
  class Walk;

  void read_preset(const nlohmann::ordered_json& preset, const std::string& where);
  // The target that stands for this class, or null.
  [[nodiscard]] const std::string* class_target(const std::string& class_name) const;
  [[nodiscard]] bool stands_for(const std::string& target, const std::string& class_name) const;
  [[nodiscard]] bool excluded(const std::string& name) const;
  // Options that module_algo_map has for this class, or null.
  [[nodiscard]] const LokrOptions* class_options(const std::string& class_name) const;
  // Options of a module chosen by its path.
  [[nodiscard]] const LokrOptions& name_options(const nn::ModuleInfo& module) const;

  std::vector<std::string> target_modules_;  // those of module_algo_map at the end
  bool default_targets_ = true;              // the library's own list
  std::vector<NamePattern> target_names_;    // those of name_algo_map at the end
  std::vector<NamePattern> exclude_names_;
  bool exact_match_ = false;  // "target_match": "exact"
  std::vector<std::pair<std::string, LokrOptions>> module_algo_map_;
  std::vector<std::pair<NamePattern, LokrOptions>> name_algo_map_;
  std::vector<std::string> notices_;  // about members without effect
};

}  // namespace omnigen::adapter
