// caption_filter_list: what is cut from captions or replaced in them.
#pragma once

#include <filesystem>
#include <regex>
#include <string>
#include <vector>

namespace omnigen::data {

// An entry is text to remove, which is then also a pattern (ECMAScript) to remove; or s/old/new or
// s/old/new/, a pattern and what replaces it (\1 is its first group). Patterns see characters, not
// bytes.
class CaptionFilter {
 public:
  CaptionFilter() = default;
  // Errors: ConfigError for an entry that is no regular expression, with its number.
  explicit CaptionFilter(const std::vector<std::string>& entries);

  // Entries are applied in order. Errors: DataError for a caption too long to be matched safely.
  [[nodiscard]] std::string apply(const std::string& caption) const;
  [[nodiscard]] bool empty() const { return steps_.empty(); }

 private:
  struct Step {
    std::wregex pattern;
    std::wstring replacement;  // with \1 … \9
    std::wstring literal;      // removed first; empty in s/old/new
  };

  std::vector<Step> steps_;
};

// A .json file holds a list of texts, any other file one entry a line. Errors: ConfigError.
std::vector<std::string> read_caption_filter_file(const std::filesystem::path& path);

}  // namespace omnigen::data
