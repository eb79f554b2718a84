#include "adapter/name_pattern.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <utility>

#include "util/error.h"

namespace omnigen::adapter {

NamePattern::NamePattern(std::string text, Syntax syntax, const std::string& where)
    : text_(std::move(text)) {
  if (syntax == Syntax::kShell) return;
  try {
    regex_ = std::regex(text_, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    throw util::ConfigError(fmt::format(
        "config error: lycoris_config: {}: \"{}\" is not a regular expression ({}); write a module "
        "path such as \"layers\\\\.0\\\\.self_attn\", or shell patterns with \"use_fnmatch\": true",
        where, text_, error.what()));
  }
}

bool NamePattern::matches(const std::string& name) const {
  if (name == text_) return true;
  if (!regex_.has_value()) return ::fnmatch(text_.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
  return std::regex_search(name, *regex_, std::regex_constants::match_continuous);
}

}  // namespace omnigen::adapter
