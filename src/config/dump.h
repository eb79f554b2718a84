// What is generated from the tables for people: --help and docs/config.md.
#pragma once

#include <string>

namespace omnigen::config {

// Every key by section: name, type, default, values, meaning. Plain sentences, no columns, so that
// it can be read aloud.
std::string help_text();

// The whole of docs/config.md.
std::string config_markdown();

}  // namespace omnigen::config
