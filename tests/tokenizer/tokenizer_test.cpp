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

// Ids of the library `tokenizers` 0.22.2 for the same file.
TEST(Tokenizer, EncodesWithTheQuickstartsFileAsTheLibraryDoes) {
  const Tokenizer tokenizer(OMNIGEN_SOURCE_DIR "/config/quickstart/model/tokenizer/tokenizer.json");
  EXPECT_THAT(tokenizer.encode("on a light blue background, a big green star at the lower left"),
              ElementsAre(1, 403, 354, 473, 437, 495, 354, 467, 487, 445, 438, 358, 515, 414));
  EXPECT_THAT(tokenizer.encode("a blicket"), ElementsAre(1, 354, 424, 331, 325, 333, 327, 342));
  EXPECT_THAT(tokenizer.encode("<|user|>\nGenerate an image according to the following "
                               "instructions\nan orange circle over brown<|end|>\n"
                               "<|assistant|>\n<|diffusion|>"),
              ElementsAre(1, 549, 353, 13, 379, 390, 378, 400, 398, 377, 358, 397, 401, 13, 435,
                          508, 449, 500, 476, 546, 353, 13, 540, 587));
  EXPECT_THAT(tokenizer.encode("Zürich – 東京"),
              ElementsAre(1, 353, 316, 198, 191, 340, 331, 325, 330, 353, 229, 131, 150, 353, 233,
                          160, 180, 231, 189, 175));
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
