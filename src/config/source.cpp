#include "config/source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/other_keys.h"
#include "util/error.h"

namespace omnigen::config {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& text, const char* id) {
  throw util::ConfigError(
      fmt::format("config error: {} [{}]\n1 configuration error; nothing was started", text, id));
}

Json read_file(const fs::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".toml" || extension == ".env") {
    fail(fmt::format("{}: {} configuration is not read by this program. Write the same keys to {}",
                     path.string(), extension.substr(1),
                     fs::path(path).replace_extension("json").string()),
         "1.1");
  }
  Json json;
  try {
    json = read_json(path);
  } catch (const util::ConfigError& error) {
    fail(error.what(), "M03");
  }
  if (!json.is_object()) fail(fmt::format("{}: expected one JSON object", path.string()), "M03");
  return json;
}

// Every {env:NAME} in the strings of a value.
void fill(const std::string& key, const Environment& environment, Json* value, Messages* messages) {
  if (value->is_structured()) {
    for (Json& item : *value) fill(key, environment, &item, messages);
  }
  if (!value->is_string()) return;
  std::vector<std::string> unset;
  const std::string text = fill_environment(value->get<std::string>(), environment, &unset);
  for (const std::string& name : unset) {
    messages->error(
        key,
        fmt::format("the environment variable {} is not set. Set it, or write the value", name),
        "1.2");
  }
  *value = text;
}

void take_file(const Json& json, const Environment& environment, Source* source,
               Messages* messages) {
  std::map<std::string, std::string> written_as;
  for (const auto& [written, given] : json.items()) {
    if (is_comment_key(written)) continue;
    Json value = given;
    const std::string key = canonical_key(written, &value);
    const auto [earlier, added] = written_as.emplace(key, written);
    if (!added) {
      messages->error(
          key,
          fmt::format("given twice, as \"{}\" and as \"{}\". Keep one", earlier->second, written),
          "1.1");
      continue;
    }
    // The data-set file has its own rule for variables that are not set.
    if (key != "data_backend_config" || value.is_string()) fill(key, environment, &value, messages);
    source->values[key] = std::move(value);
    ++source->num_file_keys;
  }
}

}  // namespace

fs::path Source::dir() const {
  return file.empty() || file.parent_path().empty() ? fs::path(".") : file.parent_path();
}

std::string Source::summary() const {
  std::string text = file.empty()
                         ? fmt::format("command line only, {} keys", values.size())
                         : fmt::format("{} (backend json), {} keys", file.string(), num_file_keys);
  if (!overridden.empty()) {
    text += fmt::format(", {} overridden on the command line: {}", overridden.size(),
                        fmt::join(overridden, ", "));
  }
  return text;
}

Source read_source(const CommandLine& line, const Environment& environment,
                   const std::vector<std::string>& own_keys, Messages* messages) {
  Source source;
  if (const auto file = find_config_file(line, environment)) {
    source.file = *file;
    take_file(read_file(*file), environment, &source, messages);
  }
  for (const auto& [written, text] : line.options) {
    if (std::find(own_keys.begin(), own_keys.end(), written) != own_keys.end()) {
      source.own[written] = text;
      continue;
    }
    Json value = text;
    const std::string key = canonical_key(written, &value);
    fill(key, environment, &value, messages);
    const bool known = std::find(source.overridden.begin(), source.overridden.end(), key) !=
                       source.overridden.end();
    if (source.values.contains(key) && !known && !source.file.empty())
      source.overridden.push_back(key);
    source.values[key] = std::move(value);
  }
  return source;
}

}  // namespace omnigen::config
