#include "config/interview.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <istream>
#include <ostream>

#include "config/text.h"
#include "config/value.h"
#include "util/error.h"

namespace omnigen::config {
namespace {

constexpr const char* kInsist = "insist";

Complaint judged(const Question& question, const std::string& answer) {
  return question.judge ? question.judge(answer) : Complaint::none();
}

// The question with a judge that reads its answer into `number` first.
template <typename Number>
Question reading_into(Number* number, const Question& question,
                      const std::function<Complaint(Number)>& judge) {
  Question numeric = question;
  numeric.judge = [number, judge](const std::string& answer) {
    const std::string problem = assign(Json(answer), number);
    if (!problem.empty()) return Complaint::no(problem);
    return judge ? judge(*number) : Complaint::none();
  };
  return numeric;
}

}  // namespace

Interview::Interview(std::istream& in, std::ostream& out) : in_(&in), out_(out) {}

Interview::Interview(Json answers, std::ostream& out) : out_(out), answers_(std::move(answers)) {
  if (!answers_.is_object()) {
    throw util::ConfigError("answers: expected one JSON object, name of the question to answer");
  }
  if (answers_.contains(kInsist)) {
    const std::string problem = assign(answers_.at(kInsist), &insist_);
    if (!problem.empty()) throw util::ConfigError("answers: insist: " + problem);
  }
}

std::string Interview::ask(const Question& question) {
  asked_.insert(question.name);
  return in_ == nullptr ? ask_list(question) : ask_terminal(question);
}

std::string Interview::ask_terminal(const Question& question) {
  bool in_doubt = false;
  std::string doubted;
  while (true) {
    out_ << fmt::format("{} [{}]: ", question.text, question.fallback) << std::flush;
    std::string line;
    if (!std::getline(*in_, line)) {
      out_ << '\n';
      throw util::ConfigError(fmt::format(
          "configure: the input ended at the question \"{}\"; nothing was written", question.text));
    }
    const std::string given = trim(line);
    std::string answer = given.empty() ? question.fallback : given;
    const Complaint complaint = judged(question, answer);
    if (complaint.text.empty() || (!complaint.firm && in_doubt && doubted == answer)) return answer;
    in_doubt = !complaint.firm;
    doubted = answer;
    say(fmt::format("  ! {}{}", complaint.text,
                    complaint.firm ? "" : ". The same answer again keeps it"));
  }
}

std::string Interview::ask_list(const Question& question) {
  std::string answer = question.fallback;
  const auto found = answers_.find(question.name);
  if (found != answers_.end() && !is_unset(*found)) {
    const std::string problem = assign(*found, &answer);
    if (!problem.empty()) throw util::ConfigError(question.name + ": " + problem);
  }
  say(fmt::format("{}: {}", question.text, answer));
  const Complaint complaint = judged(question, answer);
  if (complaint.text.empty()) return answer;
  if (!complaint.firm && insist_) {
    say("  ! " + complaint.text);
    return answer;
  }
  throw util::ConfigError(fmt::format(
      "answer \"{}\" to {}: {}. {}; nothing was written", answer, question.name, complaint.text,
      complaint.firm ? "Give another in --answers" : "Give another, or \"insist\": true"));
}

bool Interview::confirm(const std::string& name, const std::string& text, bool fallback,
                        const std::function<Complaint(bool)>& judge) {
  const auto read = [&](const std::string& answer) {
    const auto word = boolean_word(answer);
    if (!word) return Complaint::no(fmt::format("\"{}\" is neither yes nor no", answer));
    return judge ? judge(*word) : Complaint::none();
  };
  return *boolean_word(ask({name, text, fallback ? "yes" : "no", read}));
}

double Interview::ask_number(const Question& question,
                             const std::function<Complaint(double)>& judge) {
  double number = 0;
  ask(reading_into(&number, question, judge));
  return number;
}

int64_t Interview::ask_whole(const Question& question,
                             const std::function<Complaint(int64_t)>& judge) {
  int64_t number = 0;
  ask(reading_into(&number, question, judge));
  return number;
}

std::string Interview::choose(const Question& question, const std::vector<std::string>& words) {
  Question listed = question;
  listed.text += fmt::format(" ({})", fmt::join(words, ", "));
  listed.judge = [&](const std::string& answer) {
    if (std::find(words.begin(), words.end(), answer) == words.end()) {
      const std::string near = nearest(answer, words);
      return Complaint::no(
          fmt::format("\"{}\" is not one of {}{}", answer, fmt::join(words, ", "),
                      near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
    }
    return question.judge ? question.judge(answer) : Complaint::none();
  };
  return ask(listed);
}

void Interview::say(const std::string& text) {
  out_ << text << '\n';
}

void Interview::fixed(const std::string& name, const std::string& answer, const std::string& why) {
  asked_.insert(name);
  std::string listed = answer;
  if (answers_.contains(name) && !is_unset(answers_.at(name))) assign(answers_.at(name), &listed);
  if (lower(listed) != answer) rule_out(name, why);
}

void Interview::rule_out(const std::string& name, const std::string& why) const {
  if (!answers_.contains(name) || is_unset(answers_.at(name))) return;
  throw util::ConfigError(fmt::format("answer \"{}\": {}; nothing was written", name, why));
}

void Interview::finish(const std::set<std::string>& later) const {
  for (const auto& [name, ignored] : answers_.items()) {
    if (name == kInsist || asked_.contains(name) || later.contains(name)) continue;
    const std::string near = nearest(name, {asked_.begin(), asked_.end()});
    throw util::ConfigError(fmt::format(
        "answer \"{}\": no such question was asked{}; nothing was written. docs/configure.md has "
        "the names",
        name, near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
  }
}

}  // namespace omnigen::config
