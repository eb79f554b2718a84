#include "config/messages.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "util/error.h"

namespace omnigen::config {

void Messages::error(std::string_view key, std::string_view text, std::string_view id) {
  errors_.push_back(
      fmt::format("config error: {}{}{} [{}]", key, key.empty() ? "" : ": ", text, id));
}

void Messages::warn(std::string_view key, std::string_view text, std::string_view id) {
  warnings_.push_back(fmt::format("config warning: {}: {} [{}]", key, text, id));
}

void Messages::notice(std::string_view text, std::string_view id) {
  notices_.push_back(fmt::format("config: {} [{}]", text, id));
}

void Messages::not_acting(std::string_view key, std::string_view text, std::string_view id,
                          bool training_only) {
  not_acting_.push_back({fmt::format("{}: {} [{}]", key, text, id), training_only});
}

void Messages::refuse_not_acting(bool training) {
  for (const NotActing& entry : not_acting_) {
    if (training || !entry.training_only) errors_.push_back("config error: " + entry.line);
  }
}

void Messages::throw_errors() const {
  if (errors_.empty()) return;
  throw util::ConfigError(fmt::format("{}\n{} configuration error{}; nothing was started",
                                      fmt::join(errors_, "\n"), errors_.size(),
                                      errors_.size() == 1 ? "" : "s"));
}

std::vector<std::string> Messages::warnings() const {
  std::vector<std::string> lines = warnings_;
  if (!ignored_.empty()) {
    lines.push_back(fmt::format("config warning: accepted but without effect here: {}",
                                fmt::join(ignored_, ", ")));
  }
  return lines;
}

std::vector<std::string> Messages::not_acting_lines() const {
  std::vector<std::string> lines;
  for (const NotActing& entry : not_acting_) {
    lines.push_back("config: not available yet: " + entry.line);
  }
  return lines;
}

}  // namespace omnigen::config
