#include "config/json_text.h"

#include <fmt/format.h>

#include <cctype>
#include <fstream>
#include <set>
#include <sstream>

#include "util/error.h"

namespace omnigen::config {
namespace {

// Walks the text as a JSON parser does and stops at the first mistake. The values themselves are
// read by the library afterwards: it tells no line, and only that something was unexpected.
class SyntaxCheck {
 public:
  SyntaxCheck(const std::string& text, const std::string& name) : text_(text), name_(name) {}

  void run() {
    if (text_.compare(0, 3, "\xEF\xBB\xBF") == 0) at_ = 3;
    skip_blanks();
    if (at_ == text_.size()) fail(at_, "the file is empty");
    value(0);
    skip_blanks();
    if (at_ == text_.size()) return;
    if (text_[at_] == ',')
      fail(at_, "a comma after the last \"}\" or \"]\" is not allowed in JSON");
    fail(at_, "text after the end of the JSON value");
  }

 private:
  static constexpr int kMaxDepth = 100;

  [[noreturn]] void fail(size_t at, const std::string& what) const {
    size_t line = 1;
    size_t begin = 0;
    for (size_t i = 0; i < at; ++i) {
      if (text_[i] == '\n') {
        ++line;
        begin = i + 1;
      }
    }
    throw util::ConfigError(fmt::format("{}:{}:{}: {}", name_, line, at - begin + 1, what));
  }

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_blanks() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string::npos) {
      ++at_;
    }
    if (peek() == '/' || peek() == '#') {
      fail(at_,
           "comments are not allowed in JSON; a key that begins with \"_\" or \"//\" is skipped");
    }
  }

  void value(int depth) {
    if (depth > kMaxDepth) fail(at_, "nested too deeply");
    switch (peek()) {
      case '{':
        return members(depth, '}');
      case '[':
        return members(depth, ']');
      case '"':
        string();
        return;
      case '\0':
        return fail(at_, "the file ends where a value is expected");
      case '\'':
        return fail(at_, "strings are written in double quotes in JSON");
      default:
        return word();
    }
  }

  // An object or an array, from its opening bracket to its closing one.
  void members(int depth, char close) {
    std::set<std::string> keys;
    ++at_;
    skip_blanks();
    if (peek() == close) {
      ++at_;
      return;
    }
    while (true) {
      if (close == '}') key(&keys);
      value(depth + 1);
      if (!next_member(close)) return;
    }
  }

  void key(std::set<std::string>* keys) {
    if (peek() == '\'') fail(at_, "keys are written in double quotes in JSON");
    if (peek() != '"') fail(at_, fmt::format("expected a key in double quotes, found {}", here()));
    const size_t begin = at_;
    const std::string name = string();
    if (!keys->insert(name).second) fail(begin, fmt::format("\"{}\" is given twice", name));
    skip_blanks();
    if (peek() != ':') fail(at_, fmt::format("expected \":\" after \"{}\"", name));
    ++at_;
    skip_blanks();
  }

  // False at the end of the object or array.
  bool next_member(char close) {
    const size_t end = at_;
    skip_blanks();
    if (peek() == close) {
      ++at_;
      return false;
    }
    if (peek() != ',') {
      if (at_ == text_.size())
        fail(at_, fmt::format("the file ends before its last \"{}\"", close));
      const bool new_line = text_.substr(end, at_ - end).find('\n') != std::string::npos;
      fail(at_, fmt::format("expected \",\" or \"{}\" after a value{}", close,
                            new_line ? "; the line above has no comma at its end" : ""));
    }
    const size_t comma = at_++;
    skip_blanks();
    if (peek() == close) {
      fail(comma, fmt::format("a comma before \"{}\" is not allowed in JSON", close));
    }
    if (peek() == ',') fail(at_, "two commas in a row");
    return true;
  }

  std::string string() {
    const size_t begin = ++at_;
    for (; at_ < text_.size(); ++at_) {
      const char letter = text_[at_];
      if (letter == '"') return text_.substr(begin, at_++ - begin);
      if (letter == '\\') ++at_;
      if (letter == '\n') break;
    }
    fail(begin - 1, "the string has no closing quote on its line");
  }

  // A number, true, false or null.
  void word() {
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 ||
                                  std::string_view("+-._").find(text_[at_]) != std::string::npos)) {
      ++at_;
    }
    const std::string word = text_.substr(begin, at_ - begin);
    if (word.empty()) fail(begin, fmt::format("expected a value, found {}", here()));
    if (Json::accept(word)) return;
    std::string hint;
    if (word == "True" || word == "False") hint = "; JSON writes true and false";
    if (word == "None") hint = "; JSON writes null";
    fail(begin, fmt::format("{} is not a JSON value{}", word, hint));
  }

  [[nodiscard]] std::string here() const {
    return at_ == text_.size() ? "the end of the file" : fmt::format("\"{}\"", text_[at_]);
  }

  const std::string& text_;
  const std::string& name_;
  size_t at_ = 0;
};

}  // namespace

Json parse_json(const std::string& text, const std::string& name) {
  SyntaxCheck(text, name).run();
  try {
    return Json::parse(text);
  } catch (
      const nlohmann::json::exception& error) {  // bad UTF-8, bad escapes, numbers out of range
    throw util::ConfigError(fmt::format("{}: {}", name, error.what()));
  }
}

Json read_json(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream || std::filesystem::is_directory(path)) {
    throw util::ConfigError(fmt::format("{}: cannot be read", path.string()));
  }
  return parse_json(text.str(), path.string());
}

std::string quoted(const Json& value) {
  constexpr size_t kMax = 60;
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kMax) text = text.substr(0, kMax) + "…";
  return text;
}

}  // namespace omnigen::config
