#include "config/value.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "config/text.h"

namespace omnigen::config {
namespace {

// Beyond this a double skips whole numbers.
constexpr double kMaxWhole = 9007199254740992.0;

std::optional<double> to_number(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  std::string text = trim(value.get<std::string>());
  if (!text.empty() && text.front() == '+') text.erase(0, 1);
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

bool is_unset(const Json& value) {
  if (value.is_null()) return true;
  if (!value.is_string()) return false;
  const std::string text = trim(value.get<std::string>());
  return text.empty() || text == "None";
}

std::optional<bool> boolean_word(const std::string& word) {
  const std::string text = lower(trim(word));
  for (const char* yes : {"true", "yes", "y", "on", "1"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"false", "no", "n", "off", "0"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::string assign(const Json& value, int64_t* field) {
  if (value.is_number_integer()) {
    *field = value.get<int64_t>();
    return "";
  }
  const std::optional<double> number = to_number(value);
  if (!number) return fmt::format("{} is not a whole number", quoted(value));
  if (std::trunc(*number) != *number || std::abs(*number) > kMaxWhole) {
    return fmt::format("{} is not a whole number", quoted(value));
  }
  *field = static_cast<int64_t>(*number);
  return "";
}

std::string assign(const Json& value, double* field) {
  const std::optional<double> number = to_number(value);
  if (!number || !std::isfinite(*number)) return fmt::format("{} is not a number", quoted(value));
  *field = *number;
  return "";
}

std::string assign(const Json& value, bool* field) {
  std::optional<bool> word;
  if (value.is_boolean()) word = value.get<bool>();
  if (value.is_string()) word = boolean_word(value.get<std::string>());
  if (value.is_number_integer()) word = boolean_word(value.dump());
  if (!word) return fmt::format("{} is neither true nor false", quoted(value));
  *field = *word;
  return "";
}

std::string assign(const Json& value, std::string* field) {
  if (value.is_string()) {
    *field = value.get<std::string>();
  } else if (value.is_array() && (value.empty() || !value[0].is_object())) {
    std::string joined;
    for (const Json& item : value) {
      std::string text;
      const std::string problem = assign(item, &text);
      if (!problem.empty()) return problem;
      joined += (joined.empty() ? "" : ",") + text;
    }
    *field = joined;
  } else {
    *field = value.dump();
  }
  return "";
}

}  // namespace omnigen::config
