// What a key's value may be: a range, a list of words, or anything of its type.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace omnigen::config {

class Check {
 public:
  enum class Kind { kAny, kRange, kWord, kWordList, kNotEmpty };

  Check() = default;
  explicit Check(Kind kind) : kind_(kind) {}

  // The words that have an effect in this version; the others are known, and refused in training
  // because they would change what is learned.
  template <typename... Words>
  Check acting(Words... words) && {
    acting_ = {words...};
    return std::move(*this);
  }
  // A known word that does not act changes nothing that is learned: a warning instead of a refusal.
  Check harmless() && {
    harmless_ = true;
    return std::move(*this);
  }
  [[nodiscard]] bool is_harmless() const { return harmless_; }
  Check any_case() && {
    any_case_ = true;
    return std::move(*this);
  }
  // Another spelling of one of the words.
  Check same(std::string other, std::string word) && {
    spellings_.emplace_back(std::move(other), std::move(word));
    return std::move(*this);
  }
  Check with_words(std::vector<std::string> words) && {
    words_ = std::move(words);
    return std::move(*this);
  }
  Check with_range(std::optional<double> low, std::optional<double> high, bool exclude_low) && {
    low_ = low;
    high_ = high;
    exclude_low_ = exclude_low;
    return std::move(*this);
  }

  // Empty when the value is right, else what is wrong with it and what to write instead, for a
  // message that already names key and value.
  [[nodiscard]] std::string problem(double value) const;
  [[nodiscard]] std::string problem(const std::string& value) const;
  // Case and spelling as the table has them.
  [[nodiscard]] std::string normalised(const std::string& value) const;
  // The first word of the value that is known without acting in this version; empty: none.
  [[nodiscard]] std::string not_acting(const std::string& value) const;
  // For --help and docs/config.md: "one of a, b", "at least 1"; empty for any value.
  [[nodiscard]] std::string describe() const;
  // The words that act: all of them, unless acting() said otherwise.
  [[nodiscard]] const std::vector<std::string>& words() const {
    return acting_.empty() ? words_ : acting_;
  }

 private:
  [[nodiscard]] std::vector<std::string> split(const std::string& value) const;

  Kind kind_ = Kind::kAny;
  std::vector<std::string> words_;
  std::vector<std::string> acting_;
  std::vector<std::pair<std::string, std::string>> spellings_;
  bool any_case_ = false;
  bool harmless_ = false;
  std::optional<double> low_;
  std::optional<double> high_;
  bool exclude_low_ = false;
};

inline Check any() {
  return {};
}
inline Check not_empty() {
  return Check(Check::Kind::kNotEmpty);
}
inline Check at_least(double low) {
  return Check(Check::Kind::kRange).with_range(low, std::nullopt, false);
}
inline Check between(double low, double high) {
  return Check(Check::Kind::kRange).with_range(low, high, false);
}
inline Check fraction() {
  return between(0, 1);
}
inline Check positive() {
  return Check(Check::Kind::kRange).with_range(0, std::nullopt, true);
}
// One of the words.
template <typename... Words>
Check one_of(Words... words) {
  return Check(Check::Kind::kWord).with_words({words...});
}
// A comma or blank separated list of some of the words.
template <typename... Words>
Check words(Words... words) {
  return Check(Check::Kind::kWordList).with_words({words...});
}

}  // namespace omnigen::config
