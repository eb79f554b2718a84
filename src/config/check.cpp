#include "config/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "config/text.h"

namespace omnigen::config {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

std::string Check::problem(double value) const {
  if (kind_ != Kind::kRange) return "";
  if (low_ && (exclude_low_ ? value <= *low_ : value < *low_)) {
    return fmt::format("must be {} {}, is {}", exclude_low_ ? "above" : "at least", *low_, value);
  }
  if (high_ && value > *high_) return fmt::format("must be at most {}, is {}", *high_, value);
  return "";
}

std::string Check::problem(const std::string& value) const {
  if (kind_ == Kind::kNotEmpty) return value.empty() ? "must not be empty" : "";
  if (kind_ != Kind::kWord && kind_ != Kind::kWordList) return "";
  for (const std::string& word : split(value)) {
    if (contains(words_, word)) continue;
    const std::string near = nearest(word, words_);
    return fmt::format("\"{}\" is not one of {}{}", word, fmt::join(words(), ", "),
                       near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near));
  }
  return "";
}

std::string Check::normalised(const std::string& value) const {
  std::string result = value;
  if (any_case_) result = lower(result);
  for (const auto& [other, word] : spellings_) {
    if (result == other) result = word;
  }
  return result;
}

std::string Check::not_acting(const std::string& value) const {
  if (acting_.empty()) return "";
  for (const std::string& word : split(value)) {
    if (contains(words_, word) && !contains(acting_, word)) return word;
  }
  return "";
}

std::string Check::describe() const {
  switch (kind_) {
    case Kind::kAny:
      return "";
    case Kind::kNotEmpty:
      return "not empty";
    case Kind::kWord:
      return fmt::format("one of {}", fmt::join(words(), ", "));
    case Kind::kWordList:
      return fmt::format("some of {}", fmt::join(words(), ", "));
    case Kind::kRange:
      break;
  }
  if (high_) return fmt::format("{} to {}", *low_, *high_);
  return fmt::format("{} {}", exclude_low_ ? "above" : "at least", *low_);
}

std::vector<std::string> Check::split(const std::string& value) const {
  if (kind_ == Kind::kWord) return {value};
  return split_words(value, ", ");
}

}  // namespace omnigen::config
