#include "config/interview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "util/error.h"

namespace omnigen::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Terminal {
  explicit Terminal(const std::string& lines) : in(lines), talk(in, out) {}
  std::istringstream in;
  std::ostringstream out;
  Interview talk;
};

template <typename Ask>
std::string answer_error(const Ask& ask) {
  try {
    ask();
    return "";
  } catch (const util::ConfigError& error) {
    return error.what();
  }
}

Complaint small_only(int64_t number) {
  if (number > 100) return Complaint::no("is too much");
  return number > 10 ? Complaint::doubt("is a lot") : Complaint::none();
}

TEST(Interview, ShowsTheDefaultAndTakesItForAnEmptyLine) {
  Terminal terminal("\n  x y \n");
  EXPECT_EQ(terminal.talk.ask({"name", "Name of it", "usual"}), "usual");
  EXPECT_EQ(terminal.talk.ask({"name", "Name of it", "usual"}), "x y");
  EXPECT_THAT(terminal.out.str(), HasSubstr("Name of it [usual]: "));
}

TEST(Interview, AsksAgainAfterAFirmComplaint) {
  Terminal terminal("500\n500\nten\n5\n");
  EXPECT_EQ(terminal.talk.ask_whole({"n", "How many", "1"}, small_only), 5);
  EXPECT_THAT(terminal.out.str(),
              AllOf(HasSubstr("! is too much\n"), HasSubstr("\"ten\" is not a whole number")));
}

TEST(Interview, KeepsADoubtedAnswerThatIsGivenTwice) {
  Terminal terminal("50\n60\n60\n");
  EXPECT_EQ(terminal.talk.ask_whole({"n", "How many", "1"}, small_only), 60);
  EXPECT_THAT(terminal.out.str(), HasSubstr("! is a lot. The same answer again keeps it"));
}

TEST(Interview, YesAndNoInAllTheirWords) {
  Terminal terminal("Y\noff\nperhaps\n\n");
  EXPECT_TRUE(terminal.talk.confirm("a", "Really", false));
  EXPECT_FALSE(terminal.talk.confirm("a", "Really", true));
  EXPECT_TRUE(terminal.talk.confirm("a", "Really", true));
  EXPECT_THAT(terminal.out.str(), HasSubstr("\"perhaps\" is neither yes nor no"));
}

TEST(Interview, ChoosesOneOfTheWords) {
  Terminal terminal("tensorbord\ntensorboard\n");
  EXPECT_EQ(terminal.talk.choose({"t", "Tracker", "none"}, {"none", "tensorboard"}), "tensorboard");
  EXPECT_THAT(terminal.out.str(), AllOf(HasSubstr("Tracker (none, tensorboard) [none]: "),
                                        HasSubstr("did you mean \"tensorboard\"?")));
}

TEST(Interview, EndOfInputIsAnErrorThatNamesTheQuestion) {
  Terminal terminal("");
  EXPECT_THAT(answer_error([&] {
                terminal.talk.ask({"n", "How many", "1"});
              }),
              HasSubstr("the input ended at the question \"How many\"; nothing was written"));
}

TEST(Interview, ListedAnswersStandForTheTerminal) {
  std::ostringstream out;
  Interview talk(Json{{"n", 7}, {"ok", "no"}, {"rate", "1e-4"}}, out);
  EXPECT_EQ(talk.ask_whole({"n", "How many", "1"}, small_only), 7);
  EXPECT_FALSE(talk.confirm("ok", "Fine", true));
  EXPECT_EQ(talk.ask_number({"rate", "Rate", "0"}), 1e-4);
  EXPECT_EQ(talk.ask({"other", "Other", "usual"}), "usual");
  EXPECT_EQ(answer_error([&] { talk.finish(); }), "");
}

TEST(Interview, AListedAnswerThatCannotBeIsAnError) {
  std::ostringstream out;
  Interview talk(Json{{"n", 500}}, out);
  EXPECT_THAT(answer_error([&] {
                talk.ask_whole({"n", "How many", "1"}, small_only);
              }),
              HasSubstr("answer \"500\" to n: is too much"));
}

TEST(Interview, AListedAnswerInDoubtNeedsInsistence) {
  std::ostringstream out;
  Interview strict(Json{{"n", 50}}, out);
  EXPECT_THAT(answer_error([&] {
                strict.ask_whole({"n", "How many", "1"}, small_only);
              }),
              HasSubstr("\"insist\": true"));
  Interview insisting(Json{{"n", 50}, {"insist", true}}, out);
  EXPECT_EQ(insisting.ask_whole({"n", "How many", "1"}, small_only), 50);
}

TEST(Interview, AnAnswerThatNobodyAskedForIsNamedWithTheNearest) {
  std::ostringstream out;
  Interview talk(Json{{"learning_rat", 1}}, out);
  talk.ask({"learning_rate", "Rate", "1"});
  EXPECT_THAT(answer_error([&] { talk.finish(); }),
              AllOf(HasSubstr("\"learning_rat\""), HasSubstr("did you mean \"learning_rate\"?")));
  EXPECT_EQ(answer_error([&] { talk.finish({"learning_rat"}); }), "");
}

TEST(Interview, AFixedQuestionTakesOneAnswerOnly) {
  std::ostringstream out;
  Interview talk(Json{{"kind", "LoKr"}, {"other", "x"}}, out);
  EXPECT_EQ(answer_error([&] { talk.fixed("kind", "lokr", "why"); }), "");
  EXPECT_THAT(answer_error([&] { talk.fixed("other", "y", "because"); }),
              HasSubstr("answer \"other\": because"));
}

TEST(Interview, AnswersAreAnObject) {
  std::ostringstream out;
  EXPECT_THAT(answer_error([&] { Interview talk(Json::array(), out); }),
              HasSubstr("expected one JSON object"));
}

}  // namespace
}  // namespace omnigen::config
