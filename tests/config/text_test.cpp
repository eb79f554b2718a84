#include "config/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace omnigen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Text, EditDistanceCountsASwapAsOne) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("resolutoin", "resolution"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
}

TEST(Text, NearestIsEmptyWhenNothingIsNear) {
  EXPECT_EQ(nearest("valdation_steps", {"validation_steps", "eval_steps"}), "validation_steps");
  EXPECT_EQ(nearest("zzz", {"seed", "lr"}), "");
}

TEST(Text, ListsDropEmptyPieces) {
  EXPECT_THAT(split_words(" a, b ,,c", ","), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_words("", ","), IsEmpty());
}

TEST(Text, ReplaceAllDoesNotLoopOnItsOwnOutput) {
  EXPECT_EQ(replace_all("a-b-c", "-", "--"), "a--b--c");
}

}  // namespace
}  // namespace omnigen::config
