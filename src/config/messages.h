// What the configuration has to tell its user, collected so that everything comes out at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace omnigen::config {

// Every line ends with a stable identifier in brackets: the rule of docs/config.md it comes from.
class Messages {
 public:
  // `config error: <key>: <text> [id]`. The text says what is wrong and what to write instead; an
  // empty key is left out.
  void error(std::string_view key, std::string_view text, std::string_view id);
  // `config warning: <key>: <text> [id]`.
  void warn(std::string_view key, std::string_view text, std::string_view id);
  // `config: <text> [id]`.
  void notice(std::string_view text, std::string_view id);
  // Known, without effect in this version, and of influence on what is learned: an error in
  // `train`, a line in `check`. `training_only`: of no concern to a cache.
  void not_acting(std::string_view key, std::string_view text, std::string_view id,
                  bool training_only);
  // Accepted, without effect, and of no influence: one line for all of them.
  void ignored(std::string_view key) { ignored_.emplace_back(key); }

  [[nodiscard]] bool has_errors() const { return !errors_.empty(); }
  [[nodiscard]] size_t num_errors() const { return errors_.size(); }
  // Makes errors of the keys that do not act, of all or only of those that concern a cache.
  void refuse_not_acting(bool training);
  // Errors: ConfigError with every error, one a line, and their number.
  void throw_errors() const;

  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }
  [[nodiscard]] const std::vector<std::string>& notices() const { return notices_; }
  // Ends with the line of ignored keys.
  [[nodiscard]] std::vector<std::string> warnings() const;
  [[nodiscard]] std::vector<std::string> not_acting_lines() const;

 private:
  struct NotActing {
    std::string line;  // without "config error: "
    bool training_only;
  };
  std::vector<std::string> errors_;
  std::vector<std::string> warnings_;
  std::vector<std::string> notices_;
  std::vector<std::string> ignored_;
  std::vector<NotActing> not_acting_;
};

}  // namespace omnigen::config
