// Arguments of the verbs that look at a cache folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "verb.h"

namespace omnigen::tools {

struct ParsedArguments {
  std::vector<std::string> plain;
  std::map<std::string, std::string> options;  // without the dashes

  [[nodiscard]] std::string option(const std::string& name, const std::string& fallback) const;
  // One of `names`. Errors: ConfigError with the nearest of them.
  [[nodiscard]] std::string choice(const std::string& name, const std::string& fallback,
                                   const std::vector<std::string>& names) const;
  // A whole number. Errors: ConfigError if it is none or less than `least`.
  [[nodiscard]] int64_t number(const std::string& name, int64_t fallback, int64_t least) const;
};

// `known`: options that take a value, as --name VALUE or --name=VALUE.
// Errors: ConfigError naming the argument (with the nearest known one), or for too many or too few.
ParsedArguments parse_arguments(const Arguments& arguments, const std::vector<std::string>& known,
                                size_t min_plain, size_t max_plain);

// Ids of the caches in the folder: all, or the one of --id.
// Errors: DataError if there is none.
std::vector<std::string> cache_ids(const std::filesystem::path& folder, const std::string& id);

std::string size_text(uint64_t bytes);

}  // namespace omnigen::tools
