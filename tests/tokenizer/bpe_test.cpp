#include "tokenizer/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.h"

namespace omnigen::tokenizer {
namespace {

using ::testing::ElementsAre;

Bpe::Vocabulary letters() {
  return {{"<unk>", 0}, {"a", 1},  {"b", 2},      {"c", 3},     {"ab", 4},
          {"bc", 5},    {"aa", 6}, {"<0xC3>", 7}, {"<0xA9>", 8}};
}

std::vector<int64_t> encode(const Bpe& bpe, const std::string& text) {
  std::vector<int64_t> ids;
  bpe.encode(text, ids);
  return ids;
}

TEST(Bpe, MergesTheLowestRankFirst) {
  const Bpe bpe(letters(), {{"b", "c"}, {"a", "b"}}, {});
  EXPECT_THAT(encode(bpe, "abc"), ElementsAre(1, 5));
}

TEST(Bpe, MergesTheLeftmostOfEqualRanks) {
  const Bpe bpe(letters(), {{"a", "a"}}, {});
  EXPECT_THAT(encode(bpe, "aaa"), ElementsAre(6, 1));
}

TEST(Bpe, FallsBackToBytes) {
  const Bpe bpe(letters(), {}, {.unk_token = "<unk>", .byte_fallback = true});
  EXPECT_THAT(encode(bpe, "aé"), ElementsAre(1, 7, 8));
}

TEST(Bpe, UsesTheUnknownTokenWhereABytePieceIsMissing) {
  const Bpe bpe(letters(), {}, {.unk_token = "<unk>", .byte_fallback = true});
  EXPECT_THAT(encode(bpe, "aßb"), ElementsAre(1, 0, 2));
}

TEST(Bpe, FusesUnknownsOnlyWhenAsked) {
  EXPECT_THAT(encode(Bpe(letters(), {}, {.unk_token = "<unk>"}), "xyaz"), ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(encode(Bpe(letters(), {}, {.unk_token = "<unk>", .fuse_unk = true}), "xyaz"),
              ElementsAre(0, 1, 0));
}

TEST(Bpe, TakesAWholePieceWhenMergesAreIgnored) {
  EXPECT_THAT(encode(Bpe(letters(), {}, {.ignore_merges = true}), "ab"), ElementsAre(4));
  EXPECT_THAT(encode(Bpe(letters(), {}, {}), "ab"), ElementsAre(1, 2));
}

TEST(Bpe, RejectsAMergeOfUnknownPieces) {
  EXPECT_THROW(Bpe(letters(), {{"a", "q"}}, {}), util::DataError);
  EXPECT_THROW(Bpe(letters(), {{"c", "a"}}, {}), util::DataError);  // "ca" is no piece
}

TEST(Bpe, LastCharacterBearsTheSuffix) {
  const Bpe bpe({{"a", 0}, {"b", 1}, {"a</w>", 2}, {"b</w>", 3}, {"ab</w>", 4}, {"ab", 5}},
                {{"a", "b</w>"}, {"a", "b"}}, {.end_of_word_suffix = "</w>"});
  EXPECT_THAT(encode(bpe, "a"), ElementsAre(2));
  EXPECT_THAT(encode(bpe, "ab"), ElementsAre(4));
  EXPECT_THAT(encode(bpe, "aba"), ElementsAre(5, 2));
}

TEST(Bpe, EncodesLongTextInReasonableTime) {
  const Bpe bpe(letters(), {{"a", "b"}, {"a", "a"}}, {});
  EXPECT_EQ(encode(bpe, std::string(200'000, 'a')).size(), 100'000U);
}

}  // namespace
}  // namespace omnigen::tokenizer
