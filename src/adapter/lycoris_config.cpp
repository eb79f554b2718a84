#include "adapter/lycoris_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>

#include "config/text.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Members that act on an adapter's shape.
const std::vector<std::string> kActing = {"factor", "full_matrix", "decompose_both",
                                          "unbalanced_factorization", "rs_lora"};
// Members of the library that cannot matter for LoKr on linear layers, whatever they say:
// bypass_mode is another order of the same arithmetic.
const std::vector<std::string> kWithoutEffect = {
    "bypass_mode", "rank_dropout_scale", "wd_on_output", "wd_on_out",
    "block_size",  "constraint",         "rescaled",     "train_llm_adapter"};
// Members of the library that this program does not train with.
const std::vector<std::string> kMustBeOff = {
    "use_tucker",   "use_cp",         "use_conv_cp",      "use_scalar", "dropout",
    "rank_dropout", "module_dropout", "weight_decompose", "dora_wd",    "train_norm"};
const std::vector<std::string> kTopLevel = {"algo",         "multiplier", "linear_dim",
                                            "linear_alpha", "conv_dim",   "conv_alpha",
                                            "apply_preset", "preset"};
const std::vector<std::string> kOverride = {"algo", "dim", "alpha"};
const std::vector<std::string> kPreset = {"enable_conv",
                                          "target_module",
                                          "target_name",
                                          "module_algo_map",
                                          "name_algo_map",
                                          "lora_prefix",
                                          "use_fnmatch",
                                          "exclude_name",
                                          "target_match",
                                          "unet_target_module",
                                          "unet_target_name",
                                          "text_encoder_target_module",
                                          "text_encoder_target_name"};
// What the library adapts where no class is named.
const std::vector<std::string> kDefaultTargets = {"Linear"};

constexpr int64_t kDefaultDim = 4;

[[noreturn]] void fail(const std::string& where, const std::string& text) {
  throw util::ConfigError(fmt::format("config error: lycoris_config: {}: {}", where, text));
}

// Every name within reach is worth proposing: the lists are short.
std::string nearest(const std::string& name, const std::vector<std::string>& known) {
  return *std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
    return config::edit_distance(name, a) < config::edit_distance(name, b);
  });
}

// A member that begins with "_" is a comment.
void require_known(const Json& json, std::initializer_list<const std::vector<std::string>*> lists,
                   const std::string& where) {
  std::vector<std::string> known;
  for (const auto* list : lists) known.insert(known.end(), list->begin(), list->end());
  for (const auto& [name, value] : json.items()) {
    if (name.starts_with("_") || std::find(known.begin(), known.end(), name) != known.end()) {
      continue;
    }
    fail(where,
         fmt::format("unknown member \"{}\"; did you mean \"{}\"?", name, nearest(name, known)));
  }
}

bool is_off(const Json& value) {
  if (value.is_number()) return value.get<double>() == 0.0;
  if (value.is_string()) return config::lower(value.get<std::string>()) == "false";
  return value.is_null() || (value.is_boolean() && !value.get<bool>());
}

void refuse_unsupported(const Json& json, const std::string& where) {
  for (const std::string& name : kMustBeOff) {
    if (!json.contains(name) || is_off(json.at(name))) continue;
    fail(where, fmt::format("\"{}\" is {}, which is not available in omnigen-dist; remove it or "
                            "write false",
                            name, json.at(name).dump()));
  }
  const Json& algo = json.contains("algo") ? json.at("algo") : Json("lokr");
  if (!algo.is_string() || config::lower(algo.get<std::string>()) != "lokr") {
    fail(where, fmt::format("algo {} is not available in omnigen-dist, only \"lokr\"; write "
                            "\"algo\": \"lokr\"",
                            algo.dump()));
  }
}

double number(const Json& json, const std::string& name, const std::string& where) {
  const Json& value = json.at(name);
  if (!value.is_number() || !std::isfinite(value.get<double>())) {
    fail(where, fmt::format("\"{}\" is {}, expected a number", name, value.dump()));
  }
  return value.get<double>();
}

int64_t integer(const Json& json, const std::string& name, const std::string& where) {
  const double value = number(json, name, where);
  if (value != std::floor(value) || std::abs(value) > 1e15) {
    fail(where, fmt::format("\"{}\" is {}, expected a whole number", name, json.at(name).dump()));
  }
  return static_cast<int64_t>(value);
}

void read_flag(const Json& json, const std::string& name, bool& flag, const std::string& where) {
  if (!json.contains(name)) return;
  const Json& value = json.at(name);
  const std::string word = value.is_string() ? config::lower(value.get<std::string>()) : "";
  if (!value.is_boolean() && word != "true" && word != "false") {
    fail(where, fmt::format("\"{}\" is {}; write true or false (LyCORIS takes whatever is not "
                            "\"false\" for true)",
                            name, value.dump()));
  }
  flag = value.is_boolean() ? value.get<bool>() : word == "true";
}

void read_options(const Json& json, LokrOptions& options, const std::string& where) {
  if (json.contains("factor")) options.factor = integer(json, "factor", where);
  read_flag(json, "full_matrix", options.full_matrix, where);
  read_flag(json, "decompose_both", options.decompose_both, where);
  read_flag(json, "unbalanced_factorization", options.unbalanced_factorization, where);
  read_flag(json, "rs_lora", options.rs_lora, where);
}

int64_t read_dim(const Json& json, const std::string& name, const std::string& where) {
  const int64_t dim = integer(json, name, where);
  if (dim < 1) fail(where, fmt::format("\"{}\" is {}, expected at least 1", name, dim));
  return dim;
}

// An entry of module_algo_map or name_algo_map over the top-level members.
LokrOptions read_override(const Json& json, LokrOptions options, const std::string& where) {
  if (!json.is_object()) fail(where, fmt::format("is {}, expected an object", json.dump()));
  require_known(json, {&kActing, &kWithoutEffect, &kMustBeOff, &kOverride}, where);
  refuse_unsupported(json, where);
  if (json.contains("dim") && !is_off(json.at("dim"))) {
    options.linear_dim = read_dim(json, "dim", where);
  }
  if (json.contains("alpha") && !is_off(json.at("alpha"))) {
    options.linear_alpha = number(json, "alpha", where);
  }
  read_options(json, options, where);
  return options;
}

void require_members(const Json& json, const std::string& where) {
  std::vector<std::string> lines;
  const auto require = [&](const std::string& name, const std::string& rest) {
    if (json.contains(name)) return;
    lines.push_back(
        fmt::format("config error: lycoris_config: {}: must contain the \"{}\" key{} [C23]", where,
                    name, rest));
  };
  require("algo", "; write \"algo\": \"lokr\"");
  require("multiplier", "; write \"multiplier\": 1.0");
  require("linear_alpha", "; write \"linear_alpha\": 1");
  bool full = false;
  read_flag(json, "full_matrix", full, where);
  if (!full) require("linear_dim", " if full_matrix is not set; write \"linear_dim\": 10000");
  if (!lines.empty()) throw util::ConfigError(fmt::format("{}", fmt::join(lines, "\n")));
}

std::vector<std::string> read_list(const Json& json, const std::string& name,
                                   const std::string& where) {
  const Json& list = json.at(name);
  const bool texts = list.is_array() && std::all_of(list.begin(), list.end(), [](const Json& item) {
                       return item.is_string();
                     });
  if (!texts) {
    fail(where, fmt::format("\"{}\" is {}, expected a list of texts", name, list.dump()));
  }
  return list.get<std::vector<std::string>>();
}

// Where a file of this name lies instead.
std::string elsewhere(const fs::path& path) {
  for (const fs::path& folder : {fs::path("config"), fs::path(".")}) {
    std::error_code ignored;
    const fs::path other = folder / path.filename();
    if (fs::exists(other, ignored)) return fmt::format("; there is one at '{}'", other.string());
  }
  return "";
}

}  // namespace

LycorisConfig LycorisConfig::from_file(const fs::path& path) {
  std::ifstream stream(path);
  if (!stream || fs::is_directory(path)) {
    throw util::ConfigError(fmt::format(
        "config error: lycoris_config: could not find the JSON configuration file at '{}' (current "
        "folder '{}'){} [C21]",
        fs::absolute(path).string(), fs::current_path().string(), elsewhere(path)));
  }
  Json json;
  try {
    json = Json::parse(stream);
  } catch (const nlohmann::json::parse_error& error) {
    fail(path.string(), fmt::format("could not be parsed as JSON: {} [C22]", error.what()));
  }
  return from_json(json, path.string());
}

LycorisConfig LycorisConfig::from_json(const Json& json, const std::string& where) {
  if (!json.is_object()) {
    fail(where, fmt::format("is {}, expected a JSON object [C22]", json.type_name()));
  }
  require_known(json, {&kActing, &kWithoutEffect, &kMustBeOff, &kTopLevel}, where);
  require_members(json, where);
  refuse_unsupported(json, where);
  if (json.contains("preset") && json.at("preset") != "full") {
    fail(where, fmt::format("preset {} is not available in omnigen-dist; remove it and use "
                            "apply_preset",
                            json.at("preset").dump()));
  }
  LycorisConfig config;
  config.text = json;
  config.multiplier = number(json, "multiplier", where);
  const bool has_dim = json.contains("linear_dim") && !json.at("linear_dim").is_null();
  config.defaults.linear_dim = has_dim ? read_dim(json, "linear_dim", where) : kDefaultDim;
  config.defaults.linear_alpha =
      json.at("linear_alpha").is_null() ? 0.0 : number(json, "linear_alpha", where);
  read_options(json, config.defaults, where);
  if (config.defaults.rs_lora) {
    config.defaults.rs_lora = false;
    config.notices_.emplace_back(
        "lycoris: \"rs_lora\" has no effect here, as in LyCORIS; it counts inside "
        "apply_preset.module_algo_map");
  }
  config.read_preset(json.contains("apply_preset") ? json.at("apply_preset") : Json::object(),
                     where + ": apply_preset");
  return config;
}

void LycorisConfig::read_preset(const Json& preset, const std::string& where) {
  if (!preset.is_object()) fail(where, fmt::format("is {}, expected an object", preset.dump()));
  require_known(preset, {&kPreset}, where);
  if (preset.contains("lora_prefix")) {
    if (!preset.at("lora_prefix").is_string()) fail(where, "\"lora_prefix\" must be a text");
    lora_prefix = preset.at("lora_prefix").get<std::string>();
  }
  default_targets_ = !preset.contains("target_module");
  target_modules_ = default_targets_ ? kDefaultTargets : read_list(preset, "target_module", where);
  bool shell = false;
  read_flag(preset, "use_fnmatch", shell, where);
  const auto syntax = shell ? NamePattern::Syntax::kShell : NamePattern::Syntax::kRegex;
  for (const auto& [name, list] :
       {std::pair{"target_name", &target_names_}, {"exclude_name", &exclude_names_}}) {
    if (!preset.contains(name)) continue;
    for (std::string& text : read_list(preset, name, where)) {
      list->emplace_back(std::move(text), syntax, fmt::format("{}.{}", where, name));
    }
  }
  if (preset.contains("target_match")) {
    const Json& match = preset.at("target_match");
    if (match != "exact" && match != "text") {
      fail(where, fmt::format("target_match is {}; write \"exact\" or \"text\"", match.dump()));
    }
    exact_match_ = match == "exact";
  }
  const auto entries = [&](const std::string& name) {
    if (!preset.contains(name)) return Json::object();
    if (!preset.at(name).is_object()) fail(where, fmt::format("\"{}\" must be an object", name));
    return preset.at(name);
  };
  const Json by_class = entries("module_algo_map");
  for (const auto& [name, json] : by_class.items()) {
    const std::string place = fmt::format("{}.module_algo_map.{}", where, name);
    module_algo_map_.emplace_back(name, read_override(json, defaults, place));
    target_modules_.push_back(name);
  }
  const Json by_name = entries("name_algo_map");
  for (const auto& [name, json] : by_name.items()) {
    const std::string place = fmt::format("{}.name_algo_map.{}", where, name);
    name_algo_map_.emplace_back(NamePattern(name, syntax, place),
                                read_override(json, defaults, place));
    target_names_.push_back(name_algo_map_.back().first);
  }
}

}  // namespace omnigen::adapter
