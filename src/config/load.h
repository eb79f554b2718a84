// Reads the configuration: defaults < file < command line, then every check that needs no image and
// no weights.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "config/dataset_config.h"
#include "config/json_text.h"
#include "config/locate.h"
#include "config/schema.h"

namespace omnigen::config {

enum class Purpose {
  kTrain,  // what does not act yet is refused
  kCheck,  // … is listed in LoadResult::not_acting
  kCache   // keys of training and validation are read, their rules are left out
};

struct LoadOptions {
  Purpose purpose = Purpose::kTrain;
  Environment environment = [](const char*) -> const char* { return nullptr; };  // std::getenv
  // Options of the caller's own, returned in LoadResult::own; flags need no value.
  std::vector<std::string> own_keys;
  std::vector<std::string> own_flags;
};

struct LoadResult {
  Config config;
  std::vector<DatasetConfig> datasets;  // enabled ones, in the order of work
  std::map<std::string, std::string> own;
  std::vector<std::string> notices;   // whole lines for the log
  std::vector<std::string> warnings;  // whole lines for the log
  std::vector<std::string> not_acting;
  // kCheck only, where load() would have thrown: lines of a ConfigError, and of data not there yet.
  std::vector<std::string> errors;
  std::vector<std::string> missing;
  std::filesystem::path file;  // empty: command line only
  // What `simpletuner_config.json` holds: every key, with the files it names in place. Given to
  // load() or from_json() it yields this configuration again.
  Json resolved;
};

// `args` are those after the command's name. On rank 0 only: other ranks take from_json(). After it
// lycoris_config, data_backend_config and user_prompt_library hold the JSON text of their files.
// Errors: ConfigError whose text has every error found, one a line; DataError when image folders
// are missing.
LoadResult load(const std::vector<std::string>& args, const LoadOptions& options = {});

// The configuration that `resolved` was made of, without reading a file.
LoadResult from_json(const std::string& resolved);

Json to_json(const Config& config);

// Whether --help is among the arguments.
bool wants_help(const std::vector<std::string>& args);

}  // namespace omnigen::config
