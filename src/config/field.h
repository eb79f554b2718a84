// What the two tables' visitors do with a field, whatever its type: check, find words that do not
// act, write as JSON or as text.
#pragma once

#include <optional>
#include <string>

#include "config/check.h"
#include "config/json_text.h"
#include "config/value.h"

namespace omnigen::config {

// Brings words to the table's case and spelling; returns what is wrong, or nothing.
template <typename T>
std::string check_field(const Check& check, T* field) {
  if constexpr (std::is_same_v<T, std::string>) {
    *field = check.normalised(*field);
    return check.problem(*field);
  } else if constexpr (std::is_same_v<T, double> || std::is_same_v<T, int64_t>) {
    return check.problem(static_cast<double>(*field));
  } else {
    return "";
  }
}

template <typename T>
std::string check_field(const Check& check, std::optional<T>* field) {
  return *field ? check_field(check, &**field) : "";
}

// The word of the field that is known without acting in this version; empty: none.
template <typename T>
std::string idle_word(const Check& check, const T& field) {
  if constexpr (std::is_same_v<T, std::string>) return check.not_acting(field);
  return "";
}

template <typename T>
Json field_json(const T& field) {
  return field;
}

template <typename T>
Json field_json(const std::optional<T>& field) {
  return field ? Json(*field) : Json();
}

// "int", "real", "bool", "text"; for --help and docs/config.md.
inline const char* type_name(const int64_t&) {
  return "int";
}
inline const char* type_name(const double&) {
  return "real";
}
inline const char* type_name(const bool&) {
  return "bool";
}
inline const char* type_name(const std::string&) {
  return "text";
}
template <typename T>
const char* type_name(const std::optional<T>&) {
  return type_name(T{});
}

}  // namespace omnigen::config
