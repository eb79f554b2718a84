#include "data/caption_shuffle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace omnigen::data {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

TEST(CaptionShuffle, IsTheSameForTheSameSeedAndCaption) {
  const CaptionShuffle shuffle{.enable = true, .count = 5, .seed = 3};
  EXPECT_EQ(shuffled_captions(shuffle, "a, b, c, d, e"),
            shuffled_captions(shuffle, "a, b, c, d, e"));
  CaptionShuffle other = shuffle;
  other.seed = 4;
  EXPECT_NE(shuffled_captions(shuffle, "a, b, c, d, e"), shuffled_captions(other, "a, b, c, d, e"));
}

TEST(CaptionShuffle, ReachesEveryOrder) {
  const CaptionShuffle shuffle{.enable = true, .count = 200, .include_original = false};
  const auto variants = shuffled_captions(shuffle, "a,b ,c");
  EXPECT_EQ(
      std::set(variants.begin(), variants.end()),
      (std::set<std::string>{"a, b, c", "a, c, b", "b, a, c", "b, c, a", "c, a, b", "c, b, a"}));
}

TEST(CaptionShuffle, KeepsTheFirstParts) {
  const CaptionShuffle shuffle{.enable = true, .count = 10, .position_start = 2};
  for (const std::string& variant : shuffled_captions(shuffle, "x, y, a, b, c")) {
    EXPECT_THAT(variant, StartsWith("x, y, "));
  }
}

TEST(CaptionShuffle, JoinsAsItSplit) {
  CaptionShuffle shuffle{
      .enable = true, .count = 1, .split_on = "space", .include_original = false};
  EXPECT_EQ(shuffled_captions(shuffle, "a  b").at(0).size(), 3U);
  shuffle.split_on = "period";
  EXPECT_THAT(shuffled_captions(shuffle, "A. B.").at(0), ::testing::AnyOf("A. B", "B. A"));
}

TEST(CaptionShuffle, LeavesASinglePartAlone) {
  const CaptionShuffle shuffle{.enable = true, .count = 3, .include_original = false};
  EXPECT_THAT(shuffled_captions(shuffle, " only one "), ElementsAre("only one"));
  EXPECT_THAT(shuffled_captions(shuffle, "  "), IsEmpty());
}

}  // namespace
}  // namespace omnigen::data
