#include "data/caption_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/test_images.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string filtered(const std::vector<std::string>& entries, const std::string& caption) {
  return CaptionFilter(entries).apply(caption);
}

TEST(CaptionFilter, RemovesTextsAndPatterns) {
  EXPECT_EQ(filtered({"blue "}, "a blue blue dog"), "a dog");
  EXPECT_EQ(filtered({"[0-9]+"}, "dog 12 34"), "dog  ");
  EXPECT_EQ(filtered({"(really)"}, "I like (really)"), "I like ");  // as text
}

TEST(CaptionFilter, ReplacesInBothForms) {
  EXPECT_EQ(filtered({"s/blue/azure"}, "blue dog"), "azure dog");
  EXPECT_EQ(filtered({"s/blue/azure/"}, "blue dog"), "azure dog");
  EXPECT_EQ(filtered({R"(s/(\w+) and (\w+)/\2 or \1/)"}, "cats and dogs"), "dogs or cats");
}

TEST(CaptionFilter, MatchesCharactersNotBytes) {
  EXPECT_EQ(filtered({"s/é./X/"}, "caféß!"), "cafX!");
  EXPECT_EQ(filtered({"[🟫中]"}, "a🟫b中c"), "abc");
}

TEST(CaptionFilter, NamesTheEntryThatIsNoPattern) {
  try {
    filtered({"fine", "(unclosed"}, "x");
    FAIL() << "accepted";
  } catch (const util::ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("entry 2: '(unclosed'"));
  }
}

TEST(CaptionFilter, RefusesCaptionsTooLongToMatch) {
  EXPECT_THROW(filtered({"s/^(a|b)*$/x/"}, std::string(100'000, 'a')), util::DataError);
  EXPECT_EQ(filtered({"s/^(a|b)*$/x/"}, std::string(8000, 'a')), "x");
}

TEST(CaptionFilter, ReadsItsEntriesFromAFile) {
  const test::TempDir dir;
  test::write_file(dir / "list.txt", "one\r\n\ntwo words\n");
  test::write_file(dir / "list.json", R"(["s/a/b", "c"])");
  test::write_file(dir / "bad.json", R"({"a": 1})");
  EXPECT_THAT(read_caption_filter_file(dir / "list.txt"), ElementsAre("one", "two words"));
  EXPECT_THAT(read_caption_filter_file(dir / "list.json"), ElementsAre("s/a/b", "c"));
  EXPECT_THROW(read_caption_filter_file(dir / "bad.json"), util::ConfigError);
  EXPECT_THROW(read_caption_filter_file(dir / "missing.txt"), util::ConfigError);
}

}  // namespace
}  // namespace omnigen::data
