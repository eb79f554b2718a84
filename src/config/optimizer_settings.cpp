#include "config/optimizer_settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "config/text.h"

namespace omnigen::config {
namespace {

enum class Range {
  kBeta,
  kInnerBeta,
  kNotNegative,
  kNotPositive,
  kPositive,
  kFromOne,
  kCount,
  kCountFromOne,
  kSwitch
};

struct Setting {
  const char* name;
  double value;
  Range range;
  bool may_be_none = false;
};
using Settings = std::vector<Setting>;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kUnlimited = std::numeric_limits<double>::infinity();
constexpr double kMinCodedElements = 4096;

Settings adam(double beta2, double eps, double weight_decay) {
  return {{"beta1", 0.9, Range::kBeta},
          {"beta2", beta2, Range::kBeta},
          {"eps", eps, Range::kPositive},
          {"weight_decay", weight_decay, Range::kNotNegative}};
}

Settings lion() {
  return {{"beta1", 0.9, Range::kBeta},
          {"beta2", 0.99, Range::kBeta},
          {"weight_decay", 0.0, Range::kNotNegative}};
}

Settings coded(Settings settings) {
  settings.push_back({"min_8bit_size", kMinCodedElements, Range::kCount});
  return settings;
}

Settings adafactor() {
  return {{"beta2_decay", -0.8, Range::kNotPositive},
          {"eps1", kNone, Range::kPositive, true},
          {"eps2", 1e-3, Range::kNotNegative},
          {"d", 1.0, Range::kFromOne},
          {"weight_decay", 0.0, Range::kNotNegative}};
}

Settings prodigy() {
  return {{"beta1", 0.9, Range::kInnerBeta},
          {"beta2", 0.99, Range::kBeta},
          {"beta3", kNone, Range::kBeta, true},
          {"eps", 1e-8, Range::kPositive},
          {"weight_decay", 0.0, Range::kNotNegative},
          {"weight_decay_by_lr", 1, Range::kSwitch},
          {"d0", 1e-6, Range::kPositive},
          {"d_coef", 1.0, Range::kPositive},
          {"d_limiter", 1, Range::kSwitch},
          {"prodigy_steps", 0, Range::kCount},
          {"schedulefree_c", 0.0, Range::kNotNegative},
          {"factored", 1, Range::kSwitch},
          {"use_bias_correction", 0, Range::kSwitch},
          {"use_stableadamw", 1, Range::kSwitch},
          {"use_schedulefree", 1, Range::kSwitch}};
}

Settings prodigyopt() {
  return {{"beta1", 0.9, Range::kInnerBeta},
          {"beta2", 0.999, Range::kBeta},
          {"beta3", kNone, Range::kBeta, true},
          {"eps", 1e-8, Range::kPositive},
          {"weight_decay", 0.0, Range::kNotNegative},
          {"decouple", 1, Range::kSwitch},
          {"use_bias_correction", 0, Range::kSwitch},
          {"safeguard_warmup", 0, Range::kSwitch},
          {"d0", 1e-6, Range::kPositive},
          {"d_coef", 1.0, Range::kPositive},
          {"growth_rate", kUnlimited, Range::kFromOne},
          {"slice_p", 1, Range::kCountFromOne}};
}

struct Entry {
  Settings settings;
  bool takes_adam_keys = false;  // adam_beta1, adam_beta2, adam_epsilon, adam_weight_decay
  // Options of the original that cannot matter here: they choose between equal computations, or
  // concern bfloat16 weights or several groups of parameters.
  std::vector<std::string> idle;
};

const std::map<std::string, Entry>& table() {
  const std::vector<std::string> of_optimi = {"kahan_sum", "foreach", "triton"};
  const std::vector<std::string> of_prodigy = {"split_groups", "split_groups_mean", "factored_fp32",
                                               "stochastic_rounding", "fused_back_pass"};
  static const std::map<std::string, Entry> entries = {
      {"adamw_bf16", {adam(0.999, 1e-6, 0.01), true, {}}},
      {"torch-adamw", {adam(0.999, 1e-8, 0.01), true, {"foreach", "fused", "capturable"}}},
      {"optimi-adamw", {adam(0.99, 1e-6, 0.0), true, of_optimi}},
      {"optimi-stableadamw", {adam(0.99, 1e-6, 0.01), true, of_optimi}},
      {"bnb-adamw8bit", {coded(adam(0.999, 1e-6, 0.01)), true, {}}},
      {"bnb-adamw8bit-paged", {coded(adam(0.999, 1e-6, 0.01)), true, {}}},
      {"optimi-lion", {lion(), false, of_optimi}},
      {"bnb-lion", {lion(), false, {}}},
      {"bnb-lion-paged", {lion(), false, {}}},
      {"bnb-lion8bit", {coded(lion()), false, {}}},
      {"bnb-lion8bit-paged", {coded(lion()), false, {}}},
      {"torch-adafactor", {adafactor(), false, {"foreach"}}},
      {"prodigy", {prodigy(), false, of_prodigy}},
      {"prodigyopt", {prodigyopt(), false, {}}}};
  return entries;
}

// What the number must be, or nothing if it is.
std::string complaint(Range range, double value) {
  switch (range) {
    case Range::kBeta:
      return value >= 0 && value < 1 ? "" : "at least 0 and below 1";
    case Range::kInnerBeta:
      return value > 0 && value < 1 ? "" : "above 0 and below 1";
    case Range::kNotNegative:
      return value >= 0 ? "" : "at least 0";
    case Range::kNotPositive:
      return value <= 0 ? "" : "at most 0";
    case Range::kPositive:
      return value > 0 ? "" : "above 0";
    case Range::kFromOne:
      return value >= 1 ? "" : "at least 1";
    case Range::kCount:
      return value >= 0 && value == std::floor(value) ? "" : "a whole number from 0";
    case Range::kCountFromOne:
      return value >= 1 && value == std::floor(value) ? "" : "a whole number from 1";
    case Range::kSwitch:
      return value == 0 || value == 1 ? "" : "true or false";
  }
  return "";
}

// Nothing: not a number, switch or none.
std::optional<double> parse(const std::string& text) {
  const std::string word = lower(text);
  if (word == "true") return 1.0;
  if (word == "false") return 0.0;
  if (word == "none") return kNone;
  try {
    size_t used = 0;
    const double value = std::stod(text, &used);
    if (used == text.size() && !std::isnan(value)) return value;
  } catch (const std::exception&) {
    return std::nullopt;
  }
  return std::nullopt;
}

class Reader {
 public:
  Reader(const std::string& optimizer, const Entry& entry) : optimizer_(optimizer), entry_(entry) {
    for (const Setting& setting : entry.settings) settings_.values[setting.name] = setting.value;
  }

  void read_adam_key(const char* key, const std::optional<double>& value, const char* name) {
    if (!value) return;
    if (entry_.takes_adam_keys) {
      set(key, fmt::format("{}", *value), *find(name), *value);
    } else {
      settings_.without_effect.emplace_back(
          key, fmt::format("has no effect with {}, as in SimpleTuner; optimizer_config has {}",
                           optimizer_, known()));
    }
  }

  void read_key(const char* key, const std::optional<double>& value, const char* name) {
    if (!value) return;
    const Setting* setting = find(name);
    if (setting == nullptr) {
      problem(key, fmt::format("{} has no {}. Leave it out; optimizer_config has {}", optimizer_,
                               name, known()));
    } else {
      set(key, fmt::format("{}", *value), *setting, *value);
    }
  }

  void read_text(const std::string& text) {
    for (const std::string& item : split_words(text, ",")) read_item(item);
  }

  OptimizerSettings take() { return std::move(settings_); }

 private:
  [[nodiscard]] std::string known() const {
    std::vector<std::string> names;
    for (const Setting& setting : entry_.settings) names.emplace_back(setting.name);
    return fmt::format("{}", fmt::join(names, ", "));
  }

  [[nodiscard]] const Setting* find(const std::string& name) const {
    for (const Setting& setting : entry_.settings) {
      if (setting.name == name) return &setting;
    }
    return nullptr;
  }

  void problem(const char* key, std::string text) {
    settings_.problems.emplace_back(key, std::move(text));
  }

  void set(const char* key, const std::string& shown, const Setting& setting, double value) {
    const bool is_none = std::isnan(value) && setting.may_be_none;
    const std::string wanted = is_none ? "" : complaint(setting.range, value);
    if (wanted.empty()) {
      settings_.values[setting.name] = value;
    } else {
      problem(key, fmt::format("\"{}\" must be {}", shown, wanted));
    }
  }

  void read_item(const std::string& item) {
    const size_t equals = item.find('=');
    const std::string name = trim(item.substr(0, equals));
    if (std::find(entry_.idle.begin(), entry_.idle.end(), name) != entry_.idle.end()) {
      settings_.without_effect.emplace_back("optimizer_config", name + " cannot matter here");
      return;
    }
    const Setting* setting = find(name);
    const auto value =
        equals == std::string::npos ? std::nullopt : parse(trim(item.substr(equals + 1)));
    if (setting == nullptr || !value) {
      problem("optimizer_config",
              fmt::format("cannot read \"{}\". Write name=value, separated by commas; {} has {}",
                          item, optimizer_, known()));
      return;
    }
    set("optimizer_config", item, *setting, *value);
  }

  const std::string& optimizer_;
  const Entry& entry_;
  OptimizerSettings settings_;
};

std::string shown(const Setting& setting) {
  if (setting.range == Range::kSwitch) return setting.value != 0 ? "true" : "false";
  return std::isnan(setting.value) ? "none" : fmt::format("{}", setting.value);
}

}  // namespace

OptimizerSettings optimizer_settings(const OptimConfig& config) {
  const auto entry = table().find(config.optimizer);
  if (entry == table().end()) return {};
  Reader reader(config.optimizer, entry->second);
  reader.read_adam_key("adam_beta1", config.adam_beta1, "beta1");
  reader.read_adam_key("adam_beta2", config.adam_beta2, "beta2");
  reader.read_adam_key("adam_epsilon", config.adam_epsilon, "eps");
  reader.read_adam_key("adam_weight_decay", config.adam_weight_decay, "weight_decay");
  reader.read_key("optimizer_beta1", config.optimizer_beta1, "beta1");
  reader.read_key("optimizer_beta2", config.optimizer_beta2, "beta2");
  reader.read_text(config.optimizer_config);
  return reader.take();
}

std::vector<std::pair<std::string, std::string>> describe_optimizer_settings() {
  std::vector<std::pair<std::string, std::string>> lines;
  for (const auto& [optimizer, entry] : table()) {
    std::vector<std::string> defaults;
    for (const Setting& setting : entry.settings) {
      defaults.push_back(fmt::format("`{}={}`", setting.name, shown(setting)));
    }
    lines.emplace_back(optimizer, fmt::format("{}", fmt::join(defaults, " ")));
  }
  return lines;
}

bool finds_own_rate(const std::string& optimizer) {
  return optimizer == "prodigy" || optimizer == "prodigyopt";
}

}  // namespace omnigen::config
