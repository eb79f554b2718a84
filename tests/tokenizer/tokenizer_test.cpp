#include "tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tokenizer/small_tokenizer.h"
#include "util/error.h"

namespace omnigen::tokenizer {
namespace {

using test::small_tokenizer;
using test::small_tokenizer_json;
using ::testing::ElementsAre;

TEST(Tokenizer, PutsTheTemplateAroundTheText) {
  EXPECT_THAT(small_tokenizer().encode("ab"), ElementsAre(1, 8));
  EXPECT_THAT(small_tokenizer().encode(""), ElementsAre(1));
  auto json = small_tokenizer_json();
  auto& single = json["post_processor"]["single"];
  single.push_back(single[0]);
  EXPECT_THAT(small_tokenizer(json).encode("ab"), ElementsAre(1, 8, 1));
  json["post_processor"] = nullptr;
  EXPECT_THAT(small_tokenizer(json).encode("ab"), ElementsAre(8));
}

TEST(Tokenizer, NormalisesEverySegmentOnItsOwn) {
  EXPECT_THAT(small_tokenizer().encode("ab<x>ab"), ElementsAre(1, 8, 500, 8));
  EXPECT_THAT(small_tokenizer().encode(" <x> "), ElementsAre(1, 2, 2, 500, 2, 2));
}

TEST(Tokenizer, FindsNormalizedTokensAfterNormalisation) {
  auto json = small_tokenizer_json();
  json["added_tokens"][1]["normalized"] = true;  // "<x>" is looked for as "▁<x>"
  EXPECT_THAT(small_tokenizer(json).encode("<x>"), ElementsAre(1, 500));
  EXPECT_THAT(small_tokenizer(json).encode("a <x>"), ElementsAre(1, 2, 3, 500));
}

TEST(Tokenizer, TurnsUnknownCharactersIntoBytes) {
  EXPECT_THAT(small_tokenizer().encode("é\n"), ElementsAre(1, 2, 100 + 0xC3, 100 + 0xA9, 110));
}

TEST(Tokenizer, RefusesInvalidUtf8) {
  EXPECT_THROW(small_tokenizer().encode("a\xff"), util::DataError);
}

TEST(Tokenizer, LooksUpTokens) {
  const auto tokenizer = small_tokenizer();
  EXPECT_EQ(tokenizer.token_id("<xy>"), 501);
  EXPECT_EQ(tokenizer.token_id("abc"), 7);
  EXPECT_EQ(tokenizer.token_id("nothing"), std::nullopt);
  EXPECT_EQ(tokenizer.bos_id(), 1);
  EXPECT_EQ(tokenizer.num_ids(), 502);
}

}  // namespace
}  // namespace omnigen::tokenizer
