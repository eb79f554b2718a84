// lycoris_config.json: which layers get a LoKr adapter, and of which shape.
//
// Source: LyCORIS lycoris/wrapper.py (presets, selection), lycoris/modules/lokr.py (storage).
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "nn/module_info.h"

namespace omnigen::adapter {

// Options of one adapter; an entry of module_algo_map or name_algo_map overrides single members.
struct LokrOptions {
  int64_t linear_dim = 4;
  double linear_alpha = 1.0;
  int64_t factor = -1;
  bool full_matrix = false;
  bool decompose_both = false;
  bool unbalanced_factorization = false;
  bool rs_lora = false;
};

class LycorisConfig {
 public:
  // Errors: ConfigError with the member, what was found and what to write (rules C20 to C25).
  static LycorisConfig from_json(const nlohmann::json& json, const std::string& where);
  static LycorisConfig from_file(const std::filesystem::path& path);

  struct Selected {
    const nn::ModuleInfo* module;
    LokrOptions options;
  };
  // In the order of the module tree. `notices` gets one line per target for the log: matches per class,
  // targets that match nothing. Errors: ConfigError when nothing matches at all.
  std::vector<Selected> select(const nn::ModuleTree& tree, std::vector<std::string>* notices) const;

  double multiplier = 1.0;
  LokrOptions defaults;
  nlohmann::json text;  // the file as it was, for `lycoris_config.json` and metadata

 private:
  std::vector<std::string> target_modules_;
  std::vector<std::string> target_names_;
  std::vector<std::string> exclude_names_;
  bool use_fnmatch_ = false;
  bool exact_match_ = false;  // "target_match": "exact"
  nlohmann::json module_algo_map_;
  nlohmann::json name_algo_map_;
};

}  // namespace omnigen::adapter
