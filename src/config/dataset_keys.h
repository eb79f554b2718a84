// Keys of an entry of the data-set file that have no field: other spellings, keys without effect,
// keys of other kinds of data.
#pragma once

#include <string>
#include <vector>

#include "config/json_text.h"
#include "config/messages.h"

namespace omnigen::config {

// "disable" -> "disabled", "is_regularization_data" -> "is_regularisation_data" …
std::string canonical_dataset_key(const std::string& written);

// False: no such key exists. `where` is `dataset "<id>"`.
bool take_other_dataset_key(const std::string& where, const std::string& key, const Json& value,
                            Messages* messages);

std::vector<std::string> other_dataset_keys();

}  // namespace omnigen::config
