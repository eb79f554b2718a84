// `omnigen-dist configure`: asks, writes a set of configuration files, checks it.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "config/configure.h"

namespace omnigen::train {

struct ConfigureArguments {
  std::filesystem::path config;   // the file to write; absolute
  std::filesystem::path earlier;  // whose values are the defaults; empty: none
  std::filesystem::path answers;  // empty: ask at the terminal, unless `defaults`
  bool defaults = false;
};

// [PATH] [--out DIR] [--answers FILE] [--defaults]. PATH is a configuration or its folder.
// Errors: ConfigError naming the argument.
ConfigureArguments parse_configure(const std::vector<std::string>& args);

// Files that are there and differ are shown; with the interview's consent each is kept as
// <name>.bak-<stamp>. All or none are written. Errors: ConfigError without consent.
void write_set(const std::vector<std::pair<std::filesystem::path, std::string>>& files,
               const std::string& stamp, config::Interview& talk);

// Everything but the final check; the path of config.json.
// Errors: ConfigError at the end of the input, or for an answer that cannot be; nothing is written.
std::filesystem::path write_configuration(const ConfigureArguments& arguments, std::istream& in,
                                          std::ostream& out);

// 0 when the set has no error, though data or weights may be missing yet; else 2.
int run_configure(const std::vector<std::string>& args);

}  // namespace omnigen::train
