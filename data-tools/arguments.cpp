#include "arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "config/text.h"
#include "data/cache_index.h"
#include "util/error.h"

namespace omnigen::tools {

std::string ParsedArguments::option(const std::string& name, const std::string& fallback) const {
  const auto found = options.find(name);
  return found == options.end() ? fallback : found->second;
}

std::string ParsedArguments::choice(const std::string& name, const std::string& fallback,
                                    const std::vector<std::string>& names) const {
  std::string given = option(name, fallback);
  if (std::find(names.begin(), names.end(), given) != names.end()) return given;
  const std::string nearest = config::nearest(given, names);
  throw util::ConfigError(
      fmt::format("--{} \"{}\": expected one of {}{}", name, given, fmt::join(names, ", "),
                  nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest)));
}

int64_t ParsedArguments::number(const std::string& name, int64_t fallback, int64_t least) const {
  const std::string text = option(name, std::to_string(fallback));
  int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < least) {
    throw util::ConfigError(
        fmt::format("--{} \"{}\": expected a whole number from {} on", name, text, least));
  }
  return value;
}

ParsedArguments parse_arguments(const Arguments& arguments, const std::vector<std::string>& known,
                                size_t min_plain, size_t max_plain) {
  ParsedArguments parsed;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!argument.starts_with("--")) {
      parsed.plain.push_back(argument);
      continue;
    }
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string nearest = config::nearest(name, known);
      throw util::ConfigError(
          fmt::format("unknown option \"--{}\"{}", name,
                      nearest.empty() ? "" : fmt::format(", did you mean \"--{}\"?", nearest)));
    }
    if (equals != std::string::npos) {
      parsed.options[name] = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      parsed.options[name] = arguments[++i];
    } else {
      throw util::ConfigError(fmt::format("option \"--{}\" needs a value", name));
    }
  }
  if (parsed.plain.size() < min_plain || parsed.plain.size() > max_plain) {
    throw util::ConfigError(
        fmt::format("{} arguments, expected {}{}; see --help", parsed.plain.size(), min_plain,
                    max_plain > min_plain ? fmt::format(" to {}", max_plain) : ""));
  }
  return parsed;
}

std::vector<std::string> cache_ids(const std::filesystem::path& folder, const std::string& id) {
  if (!std::filesystem::is_directory(folder)) {
    throw util::DataError(
        fmt::format("{} is no folder", std::filesystem::absolute(folder).string()));
  }
  std::vector<std::string> ids = data::CacheIndex::ids_in(folder);
  if (ids.empty()) {
    throw util::DataError(fmt::format(
        "{} holds no finished cache (no *.index.json); run omnigen-cache build --config "
        "<config.json>",
        std::filesystem::absolute(folder).string()));
  }
  if (id.empty()) return ids;
  if (std::find(ids.begin(), ids.end(), id) == ids.end()) {
    throw util::DataError(fmt::format("{} holds no cache of data set '{}', only of {}",
                                      std::filesystem::absolute(folder).string(), id,
                                      fmt::join(ids, ", ")));
  }
  return {id};
}

std::string size_text(uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (value >= 1e9) return fmt::format("{:.2f} GB", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.1f} MB", value / 1e6);
  return fmt::format("{:.1f} kB", value / 1e3);
}

}  // namespace omnigen::tools
