#include "config/check.h"

#include <gtest/gtest.h>

namespace omnigen::config {
namespace {

TEST(Check, RangeNamesTheLimitAndTheValue) {
  EXPECT_EQ(at_least(1).problem(0.0), "must be at least 1, is 0");
  EXPECT_EQ(at_least(1).problem(1.0), "");
  EXPECT_EQ(between(0, 1).problem(1.5), "must be at most 1, is 1.5");
  EXPECT_EQ(positive().problem(0.0), "must be above 0, is 0");
}

TEST(Check, WordNamesTheListAndTheNearest) {
  EXPECT_EQ(one_of("value", "norm").problem("norm"), "");
  EXPECT_EQ(one_of("value", "norm").problem("nrom"),
            "\"nrom\" is not one of value, norm; did you mean \"norm\"?");
}

TEST(Check, WordListTakesCommasAndBlanks) {
  const Check check = words("vae", "aspect");
  EXPECT_EQ(check.problem("vae, aspect"), "");
  EXPECT_EQ(check.problem("vae aspect"), "");
  EXPECT_NE(check.problem("vae,captions"), "");
}

TEST(Check, CaseAndSpellingAreNormalised) {
  EXPECT_EQ(one_of("lycoris").any_case().normalised("LyCORIS"), "lycoris");
  EXPECT_EQ(one_of("center").same("centre", "center").normalised("centre"), "center");
  EXPECT_NE(one_of("lycoris").problem("LyCORIS"), "");
}

TEST(Check, WordsThatDoNotActAreKnown) {
  const Check check = one_of("none", "clip").acting("none");
  EXPECT_EQ(check.problem("clip"), "");
  EXPECT_EQ(check.not_acting("clip"), "clip");
  EXPECT_EQ(check.not_acting("none"), "");
}

TEST(Check, EmptyTextIsRefusedWhereOneIsNeeded) {
  EXPECT_EQ(not_empty().problem(std::string()), "must not be empty");
  EXPECT_EQ(any().problem(std::string()), "");
}

}  // namespace
}  // namespace omnigen::config
