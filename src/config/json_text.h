// Strict JSON with messages for people: line, column, and the mistake where it is a common one.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace omnigen::config {

// Members keep the order of the file.
using Json = nlohmann::ordered_json;

// `name` is what messages call the text. Errors: ConfigError `<name>:<line>:<column>: …` for
// anything that is not JSON, and for a member given twice.
Json parse_json(const std::string& text, const std::string& name);

// Errors: ConfigError as above, or when the file cannot be read.
Json read_json(const std::filesystem::path& path);

// The value as a message shows it: strings in quotes, anything long cut.
std::string quoted(const Json& value);

}  // namespace omnigen::config
