// A JSON value or the text of a command line -> a typed field, with the tolerance users expect:
// numbers and booleans may be quoted, a whole number may be written as a real.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/json_text.h"

namespace omnigen::config {

// null, "", "None": the key counts as not given.
bool is_unset(const Json& value);

// true, yes, y, on, 1 and their opposites in any case; nothing for another word.
std::optional<bool> boolean_word(const std::string& word);

// Each sets the field and returns an empty string, or returns what is wrong: `"4,5" is not a
// number`.
std::string assign(const Json& value, int64_t* field);
std::string assign(const Json& value, double* field);
std::string assign(const Json& value, bool* field);
// Numbers and booleans become text; a list becomes a comma list; an object its JSON text.
std::string assign(const Json& value, std::string* field);

template <typename T>
std::string assign(const Json& value, std::optional<T>* field) {
  T inner{};
  std::string problem = assign(value, &inner);
  if (problem.empty()) *field = std::move(inner);
  return problem;
}

}  // namespace omnigen::config
