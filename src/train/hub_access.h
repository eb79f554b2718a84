// The Hugging Face Hub as a run uses it: through its own client, which is looked for, with the
// token, before anything is loaded.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "config/schema.h"

namespace omnigen::train {

// As std::getenv: null for a variable that is not set.
using Environment = std::function<const char*(const char*)>;

struct HubAccess {
  std::filesystem::path client;  // hf or huggingface-cli
  std::string endpoint;          // without a slash at its end
  std::string repository;        // name or owner/name
  std::string user;              // empty: not asked
  bool make_private = true;
};

// HF_ENDPOINT, or the Hub's own address. Errors: ConfigError (M50) where it has no scheme.
std::string hub_endpoint(const Environment& environment);

// `hub_model_id`, else the project's name; a URL is reduced to owner/name.
// Errors: ConfigError for more than owner/name.
std::string hub_repository(const std::string& hub_model_id, const std::string& project,
                           const std::string& endpoint);

// Errors: ConfigError without client, without token (C35), or when the Hub refuses the token.
HubAccess open_hub(const config::PublishConfig& config, const std::string& project,
                   const Environment& environment);

struct HubUpload {
  std::filesystem::path folder;  // all that is in it
  std::string remote = ".";      // folder in the repository
  std::string message;           // of the commit: a line, an empty one, more
};
std::vector<std::string> upload_command(const HubAccess& access, const HubUpload& upload);

}  // namespace omnigen::train
