// A pattern over module paths, as lycoris_config.json writes them.
//
// Source: LyCORIS lycoris/wrapper.py (match_fn, is_excluded).
#pragma once

#include <optional>
#include <regex>
#include <string>

namespace omnigen::adapter {

class NamePattern {
 public:
  enum class Syntax {
    kRegex,  // Python's re.match: a regular expression, anchored at the start of the path only
    kShell,  // Python's fnmatch: *, ?, [seq], [!seq] over the whole path
  };

  // Errors: ConfigError for what is not a regular expression; `where` names its place.
  NamePattern(std::string text, Syntax syntax, const std::string& where);

  // The path itself always matches.
  [[nodiscard]] bool matches(const std::string& name) const;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::optional<std::regex> regex_;
};

}  // namespace omnigen::adapter
