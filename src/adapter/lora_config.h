// Standard LoRA: which layers get one, of which rank and scale. From the configuration's keys, or
// from the adapter_config.json of a file.
//
// Source: peft tuners/lora/config.py, tuners/tuners_utils.py (check_target_module_exists),
// utils/other.py (get_pattern_key).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapter/adapter_plan.h"
#include "adapter/lora.h"
#include "adapter/name_pattern.h"
#include "config/schema.h"

namespace omnigen::adapter {

// Module paths by their last parts ("to_q"), or by one regular expression for the whole path.
class ModuleChoice {
 public:
  ModuleChoice() = default;
  // A list of names, a text, or null. Errors: ConfigError; `where` names its place.
  ModuleChoice(const nlohmann::ordered_json& choice, const std::string& where);

  // What chooses this path, or null.
  [[nodiscard]] const std::string* match(const std::string& path) const;
  // Every name, or the regular expression.
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }
  [[nodiscard]] nlohmann::ordered_json json() const;

 private:
  std::vector<std::string> texts_;
  std::optional<NamePattern> pattern_;
};

class LoraConfig : public AdapterPlan {
 public:
  // Keys lora_rank, lora_alpha, lora_dropout, lora_init_type, use_rslora, peft_lora_target_modules.
  // Errors: ConfigError.
  static LoraConfig from_keys(const config::AdapterConfig& keys);
  // The content of an adapter_config.json. Errors: DataError for what is not a plain LoRA of linear
  // layers.
  static LoraConfig from_peft(const nlohmann::ordered_json& json, const std::string& where);

  [[nodiscard]] std::vector<PlannedLayer> plan(const nn::ModuleTree& tree,
                                               std::vector<std::string>* notices) const override;
  [[nodiscard]] AdapterFiles files(Tensors tensors, const FileFacts& facts) const override;

  [[nodiscard]] nlohmann::ordered_json to_peft() const;
  [[nodiscard]] int64_t rank_of(const std::string& module_name) const;
  [[nodiscard]] double scale_of(const std::string& module_name) const;

 private:
  template <typename T>
  using Overrides = std::vector<std::pair<NamePattern, T>>;

  int64_t rank_ = 16;
  double alpha_ = 16.0;
  double dropout_ = 0.0;
  bool rs_lora_ = false;
  LoraInit init_ = LoraInit::kUniform;
  ModuleChoice targets_;
  ModuleChoice excluded_;
  nlohmann::ordered_json rank_pattern_ = nlohmann::ordered_json::object();
  nlohmann::ordered_json alpha_pattern_ = nlohmann::ordered_json::object();
  Overrides<int64_t> ranks_;
  Overrides<double> alphas_;
};

}  // namespace omnigen::adapter
