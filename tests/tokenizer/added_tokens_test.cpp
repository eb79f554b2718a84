#include "tokenizer/added_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace omnigen::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

std::vector<std::pair<int64_t, std::string>> split(std::vector<AddedToken> tokens,
                                                   const std::string& text) {
  std::vector<std::pair<int64_t, std::string>> parts;
  for (const Segment& segment : AddedTokenSplitter(std::move(tokens)).split(text)) {
    parts.emplace_back(segment.id, std::string(segment.text));
  }
  return parts;
}

TEST(AddedTokenSplitter, TakesTheLongestOfTheLeftmost) {
  EXPECT_THAT(split({{.id = 7, .content = "<a"}, {.id = 8, .content = "<ab>"}}, "x<ab><a"),
              ElementsAre(Pair(-1, "x"), Pair(8, "<ab>"), Pair(7, "<a")));
}

TEST(AddedTokenSplitter, StripsWhiteSpaceOnTheSidesThatTheFlagsName) {
  EXPECT_THAT(split({{.id = 7, .content = "T", .rstrip = true}}, "a T \n\u3000b"),
              ElementsAre(Pair(-1, "a "), Pair(7, "T \n\u3000"), Pair(-1, "b")));
  EXPECT_THAT(split({{.id = 7, .content = "T", .lstrip = true}}, "a\u00a0 T b"),
              ElementsAre(Pair(-1, "a"), Pair(7, "\u00a0 T"), Pair(-1, " b")));
}

TEST(AddedTokenSplitter, LeavesWhiteSpaceToTheTokenBefore) {
  EXPECT_THAT(split({{.id = 7, .content = "T", .lstrip = true, .rstrip = true}}, "T T"),
              ElementsAre(Pair(7, "T "), Pair(7, "T")));
}

TEST(AddedTokenSplitter, SkipsASingleWordTokenInsideAWord) {
  EXPECT_THAT(split({{.id = 7, .content = "T", .single_word = true}}, "aT éT T."),
              ElementsAre(Pair(-1, "aT éT "), Pair(7, "T"), Pair(-1, ".")));
}

TEST(AddedTokenSplitter, HasNoEmptyParts) {
  EXPECT_TRUE(split({{.id = 7, .content = "T"}}, "").empty());
  EXPECT_THAT(split({{.id = 7, .content = "T"}}, "TT"), ElementsAre(Pair(7, "T"), Pair(7, "T")));
}

}  // namespace
}  // namespace omnigen::tokenizer
