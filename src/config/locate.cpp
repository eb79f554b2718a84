#include "config/locate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "util/error.h"

namespace omnigen::config {
namespace fs = std::filesystem;
namespace {

constexpr const char* kExtensions[] = {".json", ".toml", ".env"};

// `stem` + .json, .toml or .env, whichever exists first; every name tried is added to `tried`.
std::optional<fs::path> with_extension(const fs::path& stem, std::vector<std::string>* tried) {
  for (const char* extension : kExtensions) {
    fs::path path = stem;
    path += extension;
    tried->push_back(path.string());
    if (fs::is_regular_file(path)) return path;
  }
  return std::nullopt;
}

// A file, a folder with a config.*, or a path without its extension.
std::optional<fs::path> from_name(const fs::path& name, std::vector<std::string>* tried) {
  tried->push_back(name.string());
  if (fs::is_regular_file(name)) return name;
  if (fs::is_directory(name)) return with_extension(name / "config", tried);
  return with_extension(name, tried);
}

std::string known_environments() {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("config", ignored)) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

fs::path from_environment_folder(const std::string& name) {
  std::vector<std::string> tried;
  const fs::path config = "config";
  std::vector<fs::path> folders = {config / name, name, config / "examples" / name};
  if (name == "default") folders = {config};
  for (const fs::path& folder : folders) {
    if (const auto found = with_extension(folder / "config", &tried)) return *found;
  }
  throw util::ConfigError(
      fmt::format("config error: environment \"{}\": none of {} exists. Known: {} [M02]", name,
                  fmt::join(tried, ", "), known_environments()));
}

[[noreturn]] void refuse_backend(const std::string& backend) {
  throw util::ConfigError(fmt::format(
      "config error: configuration backend \"{}\" (CONFIG_BACKEND): this program reads JSON only. "
      "Write the keys to config.json and unset the variable, or set it to json, or to cmd for the "
      "command line alone [1.1]",
      backend));
}

Located first_existing(const std::string& name, const std::vector<fs::path>& places) {
  Located result;
  result.path = name;
  for (const fs::path& place : places) {
    const fs::path absolute = fs::absolute(place).lexically_normal();
    if (std::find(result.tried.begin(), result.tried.end(), absolute) != result.tried.end())
      continue;
    result.tried.push_back(absolute);
    std::error_code ignored;
    if (fs::exists(place, ignored)) {
      result.found = true;
      result.beside_config = result.tried.size() > 1;
      result.path = place;
      return result;
    }
  }
  return result;
}

std::optional<std::string> first_set(const Environment& environment,
                                     std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = environment(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return std::nullopt;
}

}  // namespace

std::string fill_environment(const std::string& text, const Environment& environment,
                             std::vector<std::string>* unset) {
  constexpr std::string_view kOpen = "{env:";
  std::string result;
  size_t at = 0;
  while (true) {
    const size_t open = text.find(kOpen, at);
    const size_t close = open == std::string::npos ? open : text.find('}', open);
    if (close == std::string::npos) return result + text.substr(at);
    const std::string name = text.substr(open + kOpen.size(), close - open - kOpen.size());
    result += text.substr(at, open - at);
    if (const char* value = environment(name.c_str())) {
      result += value;
    } else if (unset != nullptr) {
      unset->push_back(name);
    }
    at = close + 1;
  }
}

std::optional<fs::path> find_config_file(const CommandLine& command_line,
                                         const Environment& environment) {
  std::vector<std::string> tried;
  if (command_line.config) {
    if (const auto found = from_name(*command_line.config, &tried)) return found;
    throw util::ConfigError(
        fmt::format("config error: --config {}: not found in {}; looked for {} [M01]",
                    *command_line.config, fs::current_path().string(), fmt::join(tried, ", ")));
  }
  const auto backend =
      first_set(environment, {"SIMPLETUNER_CONFIG_BACKEND", "CONFIG_BACKEND", "CONFIG_TYPE"});
  if (backend == "cmd") return std::nullopt;
  if (backend && *backend != "json") refuse_backend(*backend);
  if (command_line.example) return from_environment_folder(*command_line.example);
  if (command_line.environment) return from_environment_folder(*command_line.environment);
  if (const auto path = first_set(environment, {"CONFIG_PATH"})) {
    if (const auto found = from_name(*path, &tried)) return found;
    throw util::ConfigError(fmt::format("config error: CONFIG_PATH={}: none of {} exists [M01]",
                                        *path, fmt::join(tried, ", ")));
  }
  if (const auto name =
          first_set(environment, {"SIMPLETUNER_ENVIRONMENT", "SIMPLETUNER_ENV", "ENV"})) {
    return from_environment_folder(*name);
  }
  for (const char* stem : {"config", "config/config"}) {
    if (const auto found = with_extension(stem, &tried)) return found;
  }
  if (!command_line.options.empty()) return std::nullopt;
  const std::string here = fs::current_path().string();
  throw util::ConfigError(
      fmt::format("config error: no configuration found: looked for config.json, config.toml, "
                  "config.env in {} and "
                  "{}/config. Run \"omnigen-dist configure\", or give --config FILE [M01]",
                  here, here));
}

Located locate_file(const std::string& name, const fs::path& config_dir) {
  const fs::path path = fs::path(name).lexically_normal();
  if (path.is_absolute()) return first_existing(name, {path});
  return first_existing(name, {name, config_dir / path, config_dir / path.filename()});
}

Located locate_folder(const std::string& name, const fs::path& config_dir) {
  return first_existing(name, {name, config_dir / name});  // an absolute name stays itself
}

std::string Located::missing_text() const {
  std::vector<std::string> names;
  for (const fs::path& place : tried) names.push_back(place.string());
  std::string text = fmt::format("{} not found (looked for {}; current folder {})", path.string(),
                                 fmt::join(names, " and "), fs::current_path().string());
  for (const fs::path& near : {fs::path("config") / path.filename(), path.filename()}) {
    std::error_code ignored;
    if (fs::is_regular_file(near, ignored)) {
      return text + fmt::format(". There is a {}; name that one", near.string());
    }
  }
  return text;
}

}  // namespace omnigen::config
