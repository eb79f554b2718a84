// The files that the configuration names: found, read, and put in place of their names.
#pragma once

#include <filesystem>

#include "config/json_text.h"
#include "config/messages.h"
#include "config/schema.h"

namespace omnigen::config {

// The keys whose value is a file or its content.
bool is_file_key(const std::string& key);
// The content is there already: JSON text of an object or a list.
bool is_inline(const std::string& value);

// Each leaves the file's JSON text in the field. Errors go to `messages`.
void inline_lycoris_config(const std::filesystem::path& config_dir, Config* config,
                           Messages* messages);
void inline_prompt_library(const std::filesystem::path& config_dir, Config* config,
                           Messages* messages);
// The data-set file as it stands; null after an error.
Json read_data_sets(const std::filesystem::path& config_dir, const Config& config,
                    Messages* messages);

// Folders and files that are loaded later, by a name that may also be no path: found beside the
// configuration where the current folder lacks them.
void locate_paths(const std::filesystem::path& config_dir, Config* config, Messages* messages);

}  // namespace omnigen::config
