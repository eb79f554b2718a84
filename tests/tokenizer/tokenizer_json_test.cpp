#include "tokenizer/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/golden.h"
#include "tokenizer/small_tokenizer.h"
#include "util/error.h"
#include "util/stopwatch.h"

namespace omnigen::tokenizer {
namespace {

using test::read_json_as_tokenizer;
using test::small_tokenizer_json;
using ::testing::HasSubstr;

std::string file_error(const std::string& text) {
  try {
    read_json_as_tokenizer(text);
  } catch (const util::DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(TokenizerJson, ReadsEveryFlagOfAnAddedToken) {
  auto json = small_tokenizer_json();
  json["added_tokens"][1].update({{"lstrip", true}, {"single_word", true}, {"special", false}});
  json["added_tokens"][2].update({{"rstrip", true}, {"normalized", true}});
  const auto tokens = read_json_as_tokenizer(json.dump()).added_tokens;
  ASSERT_EQ(tokens.size(), 3U);
  EXPECT_TRUE(tokens[1].lstrip && tokens[1].single_word && !tokens[1].special && !tokens[1].rstrip);
  EXPECT_TRUE(tokens[2].rstrip && tokens[2].normalized && tokens[2].special && !tokens[2].lstrip);
}

TEST(TokenizerJson, ReadsMergesAsTextsAndAsPairs) {
  auto json = small_tokenizer_json();
  const auto as_texts = read_json_as_tokenizer(json.dump()).merges;
  json["model"]["merges"] = nlohmann::json::parse(R"([["a","b"],["▁","ab"],["ab","c"],["b","c"]])");
  EXPECT_EQ(read_json_as_tokenizer(json.dump()).merges, as_texts);
}

TEST(TokenizerJson, NamesFileAndPositionOfATruncatedFile) {
  const std::string text = small_tokenizer_json().dump();
  const std::string error = file_error(text.substr(0, text.size() / 2));
  EXPECT_THAT(error, HasSubstr("tokenizer.json"));
  EXPECT_THAT(error, HasSubstr("at byte"));
}

TEST(TokenizerJson, RefusesWhatItWouldHaveToIgnore) {
  auto json = small_tokenizer_json();
  json["pre_tokenizer"] = {{"type", "Metaspace"}};
  EXPECT_THAT(file_error(json.dump()), HasSubstr("Metaspace"));
  json = small_tokenizer_json();
  json["normalizer"] = {{"type", "NFC"}};
  EXPECT_THAT(file_error(json.dump()), HasSubstr("NFC"));
  json = small_tokenizer_json();
  json["model"]["type"] = "Unigram";
  EXPECT_THAT(file_error(json.dump()), HasSubstr("Unigram"));
  json = small_tokenizer_json();
  json["post_processor"] = {{"type", "ByteLevel"}};
  EXPECT_THAT(file_error(json.dump()), HasSubstr("ByteLevel"));
}

TEST(TokenizerJson, RefusesDamagedTables) {
  auto json = small_tokenizer_json();
  json["model"]["merges"].push_back("three part merge");
  EXPECT_THAT(file_error(json.dump()), HasSubstr("three part merge"));
  json = small_tokenizer_json();
  json["model"]["vocab"]["a"] = "three";
  EXPECT_THAT(file_error(json.dump()), HasSubstr("model.vocab"));
  json = small_tokenizer_json();
  json["model"].erase("vocab");
  EXPECT_THAT(file_error(json.dump()), HasSubstr("no model.vocab"));
  EXPECT_THAT(file_error("[]"), HasSubstr("no object \"model\""));
}

TEST(TokenizerJson, MissingFileSaysWhatIsNeeded) {
  try {
    read_tokenizer_json("/nonexistent/tokenizer.json");
    FAIL() << "no error";
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nonexistent/tokenizer.json"));
  }
}

// A finished cache is confirmed in under a second, and reads the tokenizer for its fingerprint.
TEST(TokenizerJson, LoadsTheFullVocabularyQuickly) {
  const auto path = test::golden_dir() / "tiny-omnigen/tokenizer/tokenizer.json";
  double best_s = 1e9;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const util::Stopwatch watch;
    const Tokenizer tokenizer(path);
    best_s = std::min(best_s, watch.elapsed_s());
    EXPECT_EQ(tokenizer.num_ids(), 32049);
  }
  RecordProperty("milliseconds", static_cast<int>(best_s * 1e3));
  EXPECT_LT(best_s, 0.5);  // 0.03 s measured; the bound leaves room for a loaded machine
}

}  // namespace
}  // namespace omnigen::tokenizer
