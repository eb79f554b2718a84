// Questions with a default each, answered at a terminal or from a list of answers.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <set>
#include <string>
#include <vector>

#include "config/json_text.h"

namespace omnigen::config {

// What is wrong with an answer; an empty text: nothing. A complaint that is not `firm` gives way
// when the same answer is given twice, or with "insist": true in a list of answers.
struct Complaint {
  std::string text;
  bool firm = true;

  static Complaint none() { return {}; }
  static Complaint no(std::string text) { return {std::move(text), true}; }
  static Complaint doubt(std::string text) { return {std::move(text), false}; }
};

struct Question {
  std::string name;      // of the answer in a list of answers
  std::string text;      // without mark at its end
  std::string fallback;  // shown in brackets; what an empty line stands for
  std::function<Complaint(const std::string&)> judge = nullptr;
};

class Interview {
 public:
  // Asks on `out` and reads lines of `in`; a complaint is told and the question asked again.
  Interview(std::istream& in, std::ostream& out);
  // Takes answers by name, and defaults for the rest; a complaint is an error.
  // Errors: ConfigError if `answers` is no object.
  Interview(Json answers, std::ostream& out);

  // Errors (all questions): ConfigError at the end of the input, and for a listed answer that
  // cannot be.
  std::string ask(const Question& question);
  bool confirm(const std::string& name, const std::string& text, bool fallback,
               const std::function<Complaint(bool)>& judge = nullptr);
  // The judge gets a number already.
  double ask_number(const Question& question,
                    const std::function<Complaint(double)>& judge = nullptr);
  int64_t ask_whole(const Question& question,
                    const std::function<Complaint(int64_t)>& judge = nullptr);
  // One of the words.
  std::string choose(const Question& question, const std::vector<std::string>& words);

  void say(const std::string& text);
  // A question that is not asked, since it has one answer. Errors: ConfigError with `why` for
  // another listed answer.
  void fixed(const std::string& name, const std::string& answer, const std::string& why);
  // A listed answer that the other answers rule out. Errors: ConfigError with `why`.
  void rule_out(const std::string& name, const std::string& why) const;
  // Errors: ConfigError for listed answers to questions that were not asked, nor will be: `later`.
  void finish(const std::set<std::string>& later = {}) const;
  // Names of the questions so far.
  [[nodiscard]] const std::set<std::string>& asked() const { return asked_; }

 private:
  std::string ask_terminal(const Question& question);
  std::string ask_list(const Question& question);

  std::istream* in_ = nullptr;  // null: a list of answers
  std::ostream& out_;
  Json answers_ = Json::object();
  bool insist_ = false;
  std::set<std::string> asked_;
};

}  // namespace omnigen::config
