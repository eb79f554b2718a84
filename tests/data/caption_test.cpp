#include "data/caption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/test_images.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

using test::TempDir;
using test::write_file;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

template <class Error, class Work>
std::string caption_error(const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Caption, ComesFromTheFileName) {
  EXPECT_EQ(filename_caption("x/a_photo_of_a_cat-01.final.png"), "a photo of a cat-01.final");
  EXPECT_EQ(filename_caption(".png"), ".png");
  EXPECT_THAT(caption_error<util::DataError>([] { filename_caption("x/a\xff.png"); }),
              HasSubstr("a\\xff.png: not UTF-8: byte 0xff at offset 3"));
}

TEST(Caption, LooksForTheTextBesideTheImage) {
  EXPECT_EQ(caption_file_of("a/b.c/image.v2.png"), "a/b.c/image.v2.txt");
  EXPECT_EQ(caption_file_of("image.jpeg"), "image.txt");
}

TEST(Caption, SplitsATextFileIntoTrimmedLines) {
  EXPECT_THAT(text_variants("\xef\xbb\xbf first \r\n\r\n\u3000second\n", false, "x"),
              ElementsAre("first", "second"));
  EXPECT_THAT(text_variants(" one\r\ntwo \n", true, "x"), ElementsAre("one\ntwo"));
  EXPECT_THAT(text_variants("\n \n", false, "x"), ElementsAre(""));
}

TEST(Caption, NamesTheByteThatIsNotUtf8) {
  EXPECT_THAT(caption_error<util::DataError>([] { text_variants("ab\xfe", false, "dir/cat.txt"); }),
              HasSubstr("dir/cat.txt: not UTF-8: byte 0xfe at offset 2"));
}

TEST(Caption, FollowsThePolicyForAMissingText) {
  const TempDir dir;
  CaptionSettings settings{.strategy = CaptionStrategy::kTextfile};
  const auto captions = [&] { return captions_of(settings, dir.path(), "a_cat.png"); };
  EXPECT_THAT(caption_error<util::DataError>(captions), HasSubstr("a_cat.txt"));
  settings.missing = missing_caption_policy("filename");
  EXPECT_THAT(captions(), ElementsAre("a cat"));
  settings.missing = missing_caption_policy("empty");
  EXPECT_THAT(captions(), ElementsAre(""));
  settings.missing = missing_caption_policy("skip");
  EXPECT_THAT(captions(), IsEmpty());
}

TEST(Caption, AppliesShuffleFilterAndPromptInThisOrder) {
  const TempDir dir;
  write_file(dir / "a.txt", "red, blue\nred, blue\n");
  CaptionSettings settings{.strategy = CaptionStrategy::kTextfile};
  settings.instance_prompts = {"sks"};
  settings.prepend_instance_prompt = true;
  settings.shuffle = {.enable = true, .count = 20};
  settings.filter = CaptionFilter({"s/^blue/BLUE/"});
  EXPECT_THAT(captions_of(settings, dir.path(), "a.png"),
              ::testing::UnorderedElementsAre("sks red, blue", "sks BLUE, red"));
}

TEST(Caption, TakesOnlyTheInstancePrompts) {
  CaptionSettings settings{.strategy = caption_strategy("instance_prompt")};
  settings.instance_prompts = {" a ", "b", "a"};
  EXPECT_THAT(captions_of(settings, "/nonexistent", "x.png"), ElementsAre("a", "b"));
}

TEST(Caption, PrependsEveryInstancePrompt) {
  CaptionSettings settings;
  settings.instance_prompts = {"p", "q"};
  settings.prepend_instance_prompt = true;
  EXPECT_THAT(captions_of(settings, "", "x.png"), ElementsAre("p x", "q x"));
}

TEST(Caption, NeedsAnInstancePromptWhereOneIsUsed) {
  const auto check = [](CaptionSettings settings) {
    return caption_error<util::ConfigError>([&] { check_caption_settings("set", settings); });
  };
  EXPECT_THAT(check({.strategy = CaptionStrategy::kInstancePrompt}), HasSubstr("instanceprompt"));
  EXPECT_THAT(check({.instance_prompts = {" "}, .only_instance_prompt = true}),
              HasSubstr("only_instance_prompt"));
  EXPECT_THAT(check({.prepend_instance_prompt = true}), HasSubstr("prepend_instance_prompt"));
  EXPECT_EQ(check({.instance_prompts = {"x"}, .prepend_instance_prompt = true}), "no error");
  EXPECT_THAT(check({.shuffle = {.split_on = "word"}}), HasSubstr("comma, space or period"));
}

TEST(Caption, RefusesUnknownStrategies) {
  EXPECT_THROW(caption_strategy("parquet"), util::ConfigError);
  EXPECT_THROW(missing_caption_policy("ignore"), util::ConfigError);
  EXPECT_THROW(dropped_caption("nothing"), util::ConfigError);
}

TEST(Caption, CollectsMissingTextsIntoOneError) {
  const TempDir dir;
  std::vector<std::string> paths;
  for (int i = 10; i < 25; ++i) paths.push_back(fmt::format("{}.png", i));
  write_file(dir / "13.txt", "here");
  const auto missing = missing_caption_files(dir.path(), paths);
  EXPECT_EQ(missing.size(), 14U);
  const std::string error =
      caption_error<util::DataError>([&] { require_no_missing_captions("set", missing); });
  EXPECT_THAT(error, HasSubstr("14 images"));
  EXPECT_THAT(error, HasSubstr("20.png"));
  EXPECT_THAT(error, ::testing::Not(HasSubstr("21.png")));  // the first ten
  require_no_missing_captions("set", {});
}

TEST(Caption, TellsImagesThatShareAText) {
  EXPECT_THAT(shared_caption_files({"a.jpg", "a.png", "b.png", "c/a.png"}),
              ElementsAre(Pair("a.jpg", "a.png")));
}

TEST(Caption, DropsToNothingOrToTheConditionToken) {
  EXPECT_EQ(dropped_caption("empty"), "");
  EXPECT_EQ(dropped_caption("cfg"), "<cfg>");
}

}  // namespace
}  // namespace omnigen::data
