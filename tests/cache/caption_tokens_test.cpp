#include "cache/caption_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "tokenizer/prompt_template.h"
#include "util/error.h"

namespace omnigen::cache {
namespace {

using ::testing::HasSubstr;

const tokenizer::Tokenizer& tiny_tokenizer() {
  static const tokenizer::Tokenizer tokenizer(test::golden_dir() /
                                              "tiny-omnigen/tokenizer/tokenizer.json");
  return tokenizer;
}

TEST(CaptionTokens, TokenisesEveryVariantAndTheDroppedCaption) {
  const io::TokenTable table =
      tokenise({{"a.jpg", {"a cat", "a dog"}}, {"b.jpg", {""}}}, tiny_tokenizer(), {0, 2});
  ASSERT_EQ(table.size(), 2);
  EXPECT_EQ(table.num_variants(0), 2);
  const auto expected = tokenizer::encode_prompt(tiny_tokenizer(), "a dog").ids;
  const auto found = table.ids(0, 1);
  EXPECT_TRUE(std::equal(found.begin(), found.end(), expected.begin(), expected.end()));
  EXPECT_EQ(table.dropped_empty.size(), 19U);
  EXPECT_EQ(table.dropped_cfg.size(), 20U);
  EXPECT_TRUE(std::ranges::equal(table.ids(1, 0), table.dropped_empty));
}

TEST(CaptionTokens, ATooLongCaptionNamesItsImage) {
  try {
    tokenise({{"sub/long.jpg", {"one two three four five"}}}, tiny_tokenizer(), {20, 1});
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::AllOf(HasSubstr("sub/long.jpg"), HasSubstr("24 tokens"),
                                               HasSubstr("max_input_tokens")));
  }
}

TEST(CaptionTokens, ACaptionThatNamesInputImagesIsRefused) {
  try {
    tokenise({{"e.jpg", {"<img><|image_1|></img> make it red"}}}, tiny_tokenizer(), {});
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("e.jpg"));
  }
}

TEST(CaptionTokens, TheDigestFollowsCaptionsPathsAndTokenizer) {
  data::Fingerprints prints;
  const std::vector<CaptionedImage> images = {{"a", {"x", "y"}}, {"b", {"z"}}};
  const std::string digest = captions_digest(images, prints);
  EXPECT_EQ(captions_digest(images, prints), digest);
  EXPECT_NE(captions_digest({{"a", {"x"}}, {"b", {"y", "z"}}}, prints), digest);
  EXPECT_NE(captions_digest({{"a", {"x", "y"}}, {"c", {"z"}}}, prints), digest);
  prints.text.sha256 = "other";
  EXPECT_NE(captions_digest(images, prints), digest);
}

TEST(CaptionTokens, SkippedImagesAreLeftOut) {
  test::TempDir dir;
  io::write_atomically(dir / "a.txt", "hello");
  data::CaptionSettings settings;
  settings.strategy = data::CaptionStrategy::kTextfile;
  settings.missing = data::MissingCaption::kSkip;
  const auto images = collect_captions("p", settings, dir.path(), {"a.jpg", "b.jpg"}, 2);
  ASSERT_EQ(images.size(), 1U);
  EXPECT_EQ(images[0].captions[0], "hello");
  settings.missing = data::MissingCaption::kError;
  EXPECT_THROW(collect_captions("p", settings, dir.path(), {"a.jpg", "b.jpg"}, 2), util::DataError);
}

}  // namespace
}  // namespace omnigen::cache
