#include "train/verbs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace omnigen::train {
namespace {

using ::testing::HasSubstr;

TEST(Verbs, EveryVerbIsFoundRunsAndIsInTheUsage) {
  for (const char* name : {"train", "check", "configure", "status", "version"}) {
    const Verb* verb = find_verb(name);
    ASSERT_NE(verb, nullptr) << name;
    EXPECT_NE(verb->run == nullptr, verb->run_alone == nullptr) << name;
    EXPECT_THAT(usage(), HasSubstr(std::string("omnigen-dist ") + name));
  }
}

TEST(Verbs, AnUnknownOneIsNamedWithTheNearest) {
  EXPECT_EQ(find_verb("chek"), nullptr);
  EXPECT_EQ(unknown_verb_text("chek"), "unknown command \"chek\"; did you mean \"check\"?");
  EXPECT_EQ(unknown_verb_text("frobnicate"), "unknown command \"frobnicate\"");
}

TEST(Verbs, StatusWantsOneFolder) {
  EXPECT_EQ(find_verb("status")->run_alone({}), 2);
  EXPECT_EQ(find_verb("status")->run_alone({"/nowhere/at/all"}), 3);
  EXPECT_EQ(find_verb("status")->run_alone({"/nowhere/at/all", "--is-preempted"}), 1);
}

}  // namespace
}  // namespace omnigen::train
