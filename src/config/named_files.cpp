#include "config/named_files.h"

#include <fmt/format.h>

#include "config/locate.h"
#include "config/text.h"
#include "config/value.h"
#include "util/error.h"

namespace omnigen::config {
namespace fs = std::filesystem;
namespace {

struct FileKey {
  const char* key;
  const char* missing_id;
  const char* syntax_id;
};

constexpr FileKey kLycoris = {"lycoris_config", "C21", "C22"};
constexpr FileKey kDataSets = {"data_backend_config", "M07", "E01"};
constexpr FileKey kPrompts = {"user_prompt_library", "C26", "M26"};

// The content of the field's file, or of the field itself; nothing after an error.
std::optional<Json> content(const FileKey& file, const std::string& value,
                            const fs::path& config_dir, Messages* messages) {
  try {
    if (is_inline(value)) return parse_json(value, file.key);
    const Located located = locate_file(value, config_dir);
    if (!located.found) {
      messages->error(file.key, located.missing_text(), file.missing_id);
      return std::nullopt;
    }
    if (located.beside_config) {
      messages->notice(
          fmt::format("{}: {} is not there, using {}", file.key, value, located.path.string()),
          "1.1");
    }
    return read_json(located.path);
  } catch (const util::ConfigError& error) {
    messages->error(file.key, error.what(), file.syntax_id);
    return std::nullopt;
  }
}

bool is_true(const Json& json, const char* key) {
  bool flag = false;
  return json.contains(key) && assign(json.at(key), &flag).empty() && flag;
}

// The members that SimpleTuner demands; the adapter module reads the rest.
void check_lycoris(const Json& json, Messages* messages) {
  for (const char* key : {"algo", "multiplier", "linear_alpha"}) {
    if (json.contains(key)) continue;
    messages->error(kLycoris.key, fmt::format("lycoris_config JSON must contain {} key", key),
                    "C23");
  }
  if (!json.contains("linear_dim") && !is_true(json, "full_matrix")) {
    messages->error(kLycoris.key,
                    "lycoris_config JSON must contain linear_dim key if full_matrix is not set",
                    "C23");
  }
}

}  // namespace

bool is_file_key(const std::string& key) {
  return key == kLycoris.key || key == kDataSets.key || key == kPrompts.key;
}

bool is_inline(const std::string& value) {
  const std::string text = trim(value);
  return starts_with(text, "{") || starts_with(text, "[");
}

void inline_lycoris_config(const fs::path& config_dir, Config* config, Messages* messages) {
  std::string& value = config->adapter.lycoris_config;
  if (value.empty()) {
    for (const fs::path& usual :
         {fs::path("config/lycoris_config.json"), config_dir / "lycoris_config.json"}) {
      if (!fs::is_regular_file(usual)) continue;
      value = usual.string();
      messages->notice(fmt::format("lycoris_config not given, using {}", value), "C20");
      break;
    }
  }
  if (value.empty()) {
    messages->error(
        kLycoris.key,
        "--lora_type=lycoris requires you to add a JSON configuration file location with "
        "--lycoris_config",
        "C20");
    return;
  }
  const auto json = content(kLycoris, value, config_dir, messages);
  if (!json) return;
  if (!json->is_object()) {
    messages->error(kLycoris.key, fmt::format("{} is no JSON object", quoted(*json)), "C22");
    return;
  }
  check_lycoris(*json, messages);
  value = json->dump();
}

void inline_prompt_library(const fs::path& config_dir, Config* config, Messages* messages) {
  std::string& value = config->validate.user_prompt_library;
  if (value.empty()) return;
  const auto json = content(kPrompts, value, config_dir, messages);
  if (!json) return;
  if (!json->is_object()) {
    messages->error(kPrompts.key, "expected one JSON object, short name to prompt", "M26");
    return;
  }
  value = json->dump();
}

Json read_data_sets(const fs::path& config_dir, const Config& config, Messages* messages) {
  std::string value = config.data.data_backend_config;
  if (value.empty()) {
    value = (config_dir / "multidatabackend.json").string();
    messages->warn(kDataSets.key, fmt::format("not given, using {}", value), "1.1");
  }
  return content(kDataSets, value, config_dir, messages).value_or(Json());
}

void locate_paths(const fs::path& config_dir, Config* config, Messages* messages) {
  const auto find = [&](const char* key, std::string* value) {
    if (value->empty()) return;
    const Located located = locate_folder(*value, config_dir);
    if (!located.beside_config) return;
    messages->notice(
        fmt::format("{}: {} is not there, using {}", key, *value, located.path.string()), "1.1");
    *value = located.path.string();
  };
  find("pretrained_model_name_or_path", &config->model.pretrained_model_name_or_path);
  find("pretrained_vae_model_name_or_path", &config->model.pretrained_vae_model_name_or_path);
  find("init_lora", &config->adapter.init_lora);
  find("pretrained_evaluation_model_name_or_path",
       &config->validate.pretrained_evaluation_model_name_or_path);
}

}  // namespace omnigen::config
