// Values by key -> fields of Config.
#pragma once

#include <string>
#include <vector>

#include "config/json_text.h"
#include "config/messages.h"
#include "config/schema.h"

namespace omnigen::config {

// Every key of the table, in its order.
std::vector<std::string> key_names();
// Those that are true without a value on the command line.
std::vector<std::string> flag_names();

// Sets the fields that `values` (by canonical name) has; the others keep their defaults. Types,
// ranges and words are checked; keys without a field go through take_other_key().
void assign_keys(const Json& values, Config* config, Messages* messages);

// Keys with a value other than null, "" and "None".
bool is_given(const Json& values, const std::string& key);

}  // namespace omnigen::config
