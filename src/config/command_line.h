// The options after the command: --key=value, --key value, --flag, key=value.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace omnigen::config {

struct CommandLine {
  std::optional<std::string> config;       // --config
  std::optional<std::string> environment;  // --env
  std::optional<std::string> example;      // --example
  bool help = false;
  // In the order given; keys without dashes and with underscores.
  std::vector<std::pair<std::string, std::string>> options;
  // --dataset.<id>.<key>=value, as "<id>.<key>".
  std::vector<std::pair<std::string, std::string>> dataset_options;
};

// `flags` are the names that stand for true when no value follows. Other names, known or not, take
// one. Errors: ConfigError for a word that belongs to no option.
CommandLine parse_command_line(const std::vector<std::string>& args,
                               const std::vector<std::string>& flags);

}  // namespace omnigen::config
