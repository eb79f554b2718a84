// Finds the configuration file, and the files that it names.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/command_line.h"

namespace omnigen::config {

// As std::getenv: null for a variable that is not set. Given by the caller: nothing here reads the
// process's environment.
using Environment = std::function<const char*(const char*)>;

// `text` with every {env:NAME} replaced. A variable that is not set leaves nothing, and its name
// goes to `unset` if that is given.
std::string fill_environment(const std::string& text, const Environment& environment,
                             std::vector<std::string>* unset);

// The main file, in this order: --config, CONFIG_PATH, the folder of --env (or of
// SIMPLETUNER_ENVIRONMENT, SIMPLETUNER_ENV, ENV), the current folder, config/. Nothing when
// the command line has options enough to do without. Errors: ConfigError listing the places (M01,
// M02).
std::optional<std::filesystem::path> find_config_file(const CommandLine& command_line,
                                                      const Environment& environment);

struct Located {
  bool found = false;
  bool beside_config = false;  // not where it was named, but found with the configuration file
  std::filesystem::path path;  // as named where it is not found
  std::vector<std::filesystem::path> tried;  // absolute

  // "not found (looked for A and B)", with a hint at a file of this name nearby.
  [[nodiscard]] std::string missing_text() const;
};

// A file named in the configuration: from the current folder, else from the configuration's folder,
// else, if its name is relative, by its base name in that folder.
Located locate_file(const std::string& name, const std::filesystem::path& config_dir);
// A folder: from the current folder, else from the configuration's.
Located locate_folder(const std::string& name, const std::filesystem::path& config_dir);

}  // namespace omnigen::config
