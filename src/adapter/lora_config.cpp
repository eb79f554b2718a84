#include "adapter/lora_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "adapter/peft_file.h"
#include "config/text.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

using Json = nlohmann::ordered_json;

// Where nothing is said: the attention layers.
const std::vector<std::string> kDefaultTargets = {"to_k", "to_q", "to_v", "to_out.0"};

// Members of an adapter_config.json with which it is no plain LoRA of linear layers.
const std::vector<std::string> kMustBeOff = {"use_dora",
                                             "lora_bias",
                                             "fan_in_fan_out",
                                             "use_qalora",
                                             "use_bdlora",
                                             "modules_to_save",
                                             "target_parameters",
                                             "layer_replication",
                                             "layers_to_transform",
                                             "layers_pattern",
                                             "trainable_token_indices",
                                             "alora_invocation_tokens"};

bool is_off(const Json& value) {
  return value.is_null() || (value.is_boolean() && !value.get<bool>()) ||
         (value.is_structured() && value.empty());
}

void refuse_other_kinds(const Json& json, const std::string& where) {
  const auto refuse = [&](const std::string& name, const Json& found, const char* expected) {
    throw util::DataError(fmt::format(
        "{}: \"{}\" is {}, expected {}: not a plain LoRA of linear layers, which is what "
        "omnigen-dist trains; use an adapter without it",
        where, name, found.dump(), expected));
  };
  if (!json.is_object() || json.value("peft_type", "") != "LORA") {
    refuse("peft_type",
           json.is_object() && json.contains("peft_type") ? json.at("peft_type") : Json(),
           "\"LORA\"");
  }
  if (json.value("bias", "none") != "none") refuse("bias", json.at("bias"), "\"none\"");
  for (const std::string& name : kMustBeOff) {
    if (json.contains(name) && !is_off(json.at(name))) refuse(name, json.at(name), "nothing");
  }
}

// peft's rule for the keys of rank_pattern and alpha_pattern: the end of a path.
NamePattern ending_with(const std::string& key, const std::string& where) {
  const std::string text = key.starts_with("^") ? key : fmt::format("(.*\\.)?({})$", key);
  return {text, NamePattern::Syntax::kRegex, where};
}

// Of the first pattern that matches, else `fallback`.
template <typename T>
T value_for(const std::vector<std::pair<NamePattern, T>>& overrides, const std::string& path,
            T fallback) {
  for (const auto& [pattern, value] : overrides) {
    if (pattern.matches(path)) return value;
  }
  return fallback;
}

std::string plural(int64_t count, const std::string& what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

Json choice_of(const std::string& text) {
  if (text.empty()) return kDefaultTargets;
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_array() ? json : Json(config::split_words(text, ", "));
}

}  // namespace

ModuleChoice::ModuleChoice(const Json& choice, const std::string& where) {
  if (choice.is_null()) return;
  if (choice.is_string()) {
    texts_ = {choice.get<std::string>()};
    pattern_.emplace(fmt::format("(?:{})$", texts_[0]), NamePattern::Syntax::kRegex, where);
    return;
  }
  const bool names = choice.is_array() && std::all_of(choice.begin(), choice.end(),
                                                      [](auto& name) { return name.is_string(); });
  if (!names) {
    throw util::ConfigError(
        fmt::format("config error: {}: {} is no list of module names; write [\"to_q\", \"to_k\"]",
                    where, choice.dump()));
  }
  texts_ = choice.get<std::vector<std::string>>();
}

const std::string* ModuleChoice::match(const std::string& path) const {
  if (pattern_) return pattern_->matches(path) ? &texts_[0] : nullptr;
  const auto found = std::find_if(texts_.begin(), texts_.end(), [&](const std::string& name) {
    return path == name || path.ends_with("." + name);
  });
  return found == texts_.end() ? nullptr : &*found;
}

Json ModuleChoice::json() const {
  if (texts_.empty()) return nullptr;
  return pattern_ ? Json(texts_[0]) : Json(texts_);
}

LoraConfig LoraConfig::from_keys(const config::AdapterConfig& keys) {
  LoraConfig config;
  config.rank_ = keys.lora_rank;
  config.alpha_ = keys.lora_alpha.value_or(static_cast<double>(keys.lora_rank));
  config.dropout_ = keys.lora_dropout;
  config.rs_lora_ = keys.use_rslora;
  config.init_ = keys.lora_init_type == "gaussian" ? LoraInit::kGaussian : LoraInit::kUniform;
  config.targets_ =
      ModuleChoice(choice_of(keys.peft_lora_target_modules), "peft_lora_target_modules");
  return config;
}

LoraConfig LoraConfig::from_peft(const Json& json, const std::string& where) {
  refuse_other_kinds(json, where);
  LoraConfig config;
  try {
    json.at("r").get_to(config.rank_);
    json.at("lora_alpha").get_to(config.alpha_);
    config.dropout_ = json.value("lora_dropout", 0.0);
    config.rs_lora_ = json.value("use_rslora", false);
    const Json init = json.value("init_lora_weights", Json(true));
    config.init_ = init == "gaussian" ? LoraInit::kGaussian : LoraInit::kUniform;
    config.targets_ = ModuleChoice(json.at("target_modules"), where + ": target_modules");
    config.excluded_ =
        ModuleChoice(json.value("exclude_modules", Json()), where + ": exclude_modules");
    config.rank_pattern_ = json.value("rank_pattern", Json::object());
    config.alpha_pattern_ = json.value("alpha_pattern", Json::object());
    for (const auto& [key, value] : config.rank_pattern_.items()) {
      config.ranks_.emplace_back(ending_with(key, where), value.get<int64_t>());
    }
    for (const auto& [key, value] : config.alpha_pattern_.items()) {
      config.alphas_.emplace_back(ending_with(key, where), value.get<double>());
    }
  } catch (const nlohmann::json::exception& error) {
    throw util::DataError(fmt::format("{}: {}; expected an adapter_config.json as peft writes it",
                                      where, error.what()));
  }
  return config;
}

int64_t LoraConfig::rank_of(const std::string& module_name) const {
  return value_for(ranks_, module_name, rank_);
}

double LoraConfig::scale_of(const std::string& module_name) const {
  const auto rank = static_cast<double>(rank_of(module_name));
  return value_for(alphas_, module_name, alpha_) / (rs_lora_ ? std::sqrt(rank) : rank);
}

std::vector<PlannedLayer> LoraConfig::plan(const nn::ModuleTree& tree,
                                           std::vector<std::string>* notices) const {
  std::vector<PlannedLayer> layers;
  std::map<std::string, int64_t> by_target;
  int64_t num_parameters = 0;
  for (const nn::ModuleInfo& module : tree) {
    const std::string* target = targets_.match(module.name);
    if (!module.is_linear() || target == nullptr || excluded_.match(module.name) != nullptr) {
      continue;
    }
    const LoraShape shape{module.out_features, module.in_features, rank_of(module.name),
                          scale_of(module.name), dropout_};
    const std::string name = peft_name(module.name);
    const auto make = [shape, name, init = init_](uint64_t seed, at::Device device) {
      return std::make_shared<LoraFactors>(shape, init, name, seed, device);
    };
    layers.push_back({&module, name,
                      fmt::format("{}x{}: rank {}, scale {:.4g}", shape.out_features,
                                  shape.in_features, shape.rank, shape.scale),
                      shape.num_parameters(), make});
    ++by_target[*target];
    num_parameters += shape.num_parameters();
  }
  if (layers.empty()) {
    throw util::ConfigError(fmt::format(
        "config error: peft_lora_target_modules: no linear layer is adapted: no path ends with {}; "
        "write [\"to_q\", \"to_k\", \"to_v\", \"to_out.0\"]",
        fmt::join(targets_.texts(), ", ")));
  }
  if (notices == nullptr) return layers;
  std::vector<std::string> counts;
  for (const std::string& target : targets_.texts()) {
    if (by_target.contains(target)) {
      counts.push_back(fmt::format("{} {}", target, by_target.at(target)));
    } else {
      notices->push_back(
          fmt::format("lora: target \"{}\" matches no linear layer of this model", target));
    }
  }
  notices->push_back(fmt::format("lora: {} adapted ({}), {}", plural(std::ssize(layers), "layer"),
                                 fmt::join(counts, ", "),
                                 plural(num_parameters, "trained parameter")));
  return layers;
}

Json LoraConfig::to_peft() const {
  const auto whole = static_cast<int64_t>(alpha_);
  const bool is_whole = static_cast<double>(whole) == alpha_;
  return {{"auto_mapping",
           {{"base_model_class", "OmniGenTransformer2DModel"},
            {"parent_library", "diffusers.models.transformers.transformer_omnigen"}}},
          {"base_model_name_or_path", nullptr},
          {"peft_type", "LORA"},
          {"task_type", nullptr},
          {"inference_mode", true},
          {"r", rank_},
          {"lora_alpha", is_whole ? Json(whole) : Json(alpha_)},
          {"use_rslora", rs_lora_},
          {"lora_dropout", dropout_},
          {"init_lora_weights", init_ == LoraInit::kGaussian ? Json("gaussian") : Json(true)},
          {"target_modules", targets_.json()},
          {"exclude_modules", excluded_.json()},
          {"rank_pattern", rank_pattern_},
          {"alpha_pattern", alpha_pattern_},
          {"bias", "none"},
          {"fan_in_fan_out", false},
          {"use_dora", false},
          {"modules_to_save", nullptr}};
}

AdapterFiles LoraConfig::files(Tensors tensors, const FileFacts& facts) const {
  return peft_files(to_peft(), std::move(tensors), facts);
}

}  // namespace omnigen::adapter
