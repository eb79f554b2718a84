// Keys of SimpleTuner that have no field here: other spellings, keys without effect, keys that are
// refused.
#pragma once

#include <string>
#include <vector>

#include "config/json_text.h"
#include "config/messages.h"

namespace omnigen::config {

// The key under which the table has what a user wrote: leading dashes removed, hyphens as
// underscores, renamed keys under their new name. Old keys with the opposite meaning have `*value`
// inverted.
std::string canonical_key(const std::string& written, Json* value);

// Keys that begin with an underscore or a slash are comments.
bool is_comment_key(const std::string& written);

// Takes a key that has no field: a line in `messages` where its value says that something should
// happen. False: no such key exists.
bool take_other_key(const std::string& key, const Json& value, Messages* messages);

// All names of schema_other.def and of renamed keys, for suggestions and docs/config.md; patterns
// as they stand.
std::vector<std::string> ignored_keys();
std::vector<std::string> refused_keys();
// Old name, new name.
const std::vector<std::pair<std::string, std::string>>& renamed_keys();

// What to say about a name that no table has.
std::string unknown_key_text(const std::string& written, const std::vector<std::string>& known);

}  // namespace omnigen::config
