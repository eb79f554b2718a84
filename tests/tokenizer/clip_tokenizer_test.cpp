#include "tokenizer/clip_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::tokenizer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ClipTokenizerTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(dir_.path() / name) << text;
  }
  void write_folder() {
    write("vocab.json",
          R"({"a": 0, "b": 1, "a</w>": 2, "b</w>": 3, "ab</w>": 4, "!</w>": 5, "Ã": 6, "©</w>": 7,
              "<|startoftext|>": 8, "<|endoftext|>": 9})");
    write("merges.txt", "#version: 0.2\na b</w>\n");
  }
  std::vector<int64_t> encode(const std::string& text, size_t max_ids = 77) {
    return ClipTokenizer(dir_.path()).encode(text, max_ids);
  }

  test::TempDir dir_;
};

TEST(ClipWords, AreContractionsLettersDigitsAndTheRest) {
  EXPECT_THAT(clip_words("it's no. 42, café -- №Ⅷ"),
              ElementsAre("it", "'s", "no", ".", "4", "2", ",", "café", "--", "№", "Ⅷ"));
  EXPECT_THAT(clip_words("'n they'll \"'re"), ElementsAre("'", "n", "they", "'ll", "\"'", "re"));
}

TEST_F(ClipTokenizerTest, TextStandsBetweenStartAndEnd) {
  write_folder();
  EXPECT_THAT(encode(""), ElementsAre(8, 9));
  EXPECT_THAT(encode("  AB\t b!\n"), ElementsAre(8, 4, 3, 5, 9));
}

TEST_F(ClipTokenizerTest, CharactersAreTheirBytesInNormalForm) {
  write_folder();
  EXPECT_THAT(encode("é"), ElementsAre(8, 6, 7, 9));
  EXPECT_THAT(encode("e\u0301"), ElementsAre(8, 6, 7, 9));
}

TEST_F(ClipTokenizerTest, LongTextKeepsItsEndToken) {
  write_folder();
  EXPECT_THAT(encode("a b a b a b", 5), ElementsAre(8, 2, 3, 2, 9));
  EXPECT_THAT(encode("a b a", 5), ElementsAre(8, 2, 3, 2, 9));
}

TEST_F(ClipTokenizerTest, SpecialTokensMayBeWrittenOut) {
  write_folder();
  EXPECT_THAT(encode("a<|ENDoftext|>b"), ElementsAre(8, 2, 9, 3, 9));
}

TEST_F(ClipTokenizerTest, SingleFileGivesTheSame) {
  write_folder();
  const auto expected = encode("ab ba!");
  std::filesystem::remove(dir_.path() / "merges.txt");
  write("tokenizer.json",
        R"({"model": {"type": "BPE", "merges": ["a b</w>"],
            "vocab": {"a": 0, "b": 1, "a</w>": 2, "b</w>": 3, "ab</w>": 4, "!</w>": 5,
                      "<|startoftext|>": 8, "<|endoftext|>": 9}}})");
  EXPECT_EQ(encode("ab ba!"), expected);
}

TEST_F(ClipTokenizerTest, WhatIsMissingOrDamagedIsNamed) {
  const auto error = [&] {
    try {
      encode("a");
    } catch (const util::DataError& caught) {
      return std::string(caught.what());
    }
    return std::string();
  };
  EXPECT_THAT(error(), HasSubstr("neither vocab.json with merges.txt nor tokenizer.json"));
  write_folder();
  write("merges.txt", "#version: 0.2\nab\n");
  EXPECT_THAT(error(), HasSubstr("merges.txt:2: \"ab\" is no pair"));
  write("merges.txt", "");
  write("vocab.json", "[1]");
  EXPECT_THAT(error(), HasSubstr("vocab.json: expected one JSON object"));
  write("vocab.json", R"({"a": 0, "<|endoftext|>": 1})");
  EXPECT_THAT(error(), HasSubstr("<|startoftext|> is not in the vocabulary"));
}

TEST_F(ClipTokenizerTest, TextThatIsNotUtf8IsADataError) {
  write_folder();
  EXPECT_THROW(encode("a\xFF"), util::DataError);
}

}  // namespace
}  // namespace omnigen::tokenizer
