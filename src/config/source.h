// What the user wrote, from file and command line, by canonical key.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "config/command_line.h"
#include "config/json_text.h"
#include "config/locate.h"
#include "config/messages.h"

namespace omnigen::config {

struct Source {
  std::filesystem::path file;  // empty: command line only
  Json values = Json::object();
  std::map<std::string, std::string> own;  // of the caller
  size_t num_file_keys = 0;
  std::vector<std::string> overridden;  // keys that the command line took from the file

  // Folder of the file; the current one without a file.
  [[nodiscard]] std::filesystem::path dir() const;
  // `config: <file> (backend json), 41 keys, 2 overridden on the command line: seed, output_dir`.
  [[nodiscard]] std::string summary() const;
};

// Reads the file and lays the command line over it: leading dashes, hyphens, renamed keys,
// {env:NAME}. Errors: ConfigError for a file that is not there, not JSON, or of another backend.
Source read_source(const CommandLine& line, const Environment& environment,
                   const std::vector<std::string>& own_keys, Messages* messages);

}  // namespace omnigen::config
