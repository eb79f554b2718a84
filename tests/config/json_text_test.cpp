#include "config/json_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::config {
namespace {

using ::testing::HasSubstr;

std::string parse_error(const std::string& text) {
  try {
    parse_json(text, "c.json");
    return "";
  } catch (const util::ConfigError& error) {
    return error.what();
  }
}

TEST(JsonText, KeepsTheOrderOfTheFile) {
  EXPECT_EQ(parse_json("{\"b\": 1, \"a\": [true, null, -1.5e3, \"x\\\"y\"]}", "").dump(),
            "{\"b\":1,\"a\":[true,null,-1500.0,\"x\\\"y\"]}");
}

TEST(JsonText, MissingCommaPointsAtTheLineAbove) {
  EXPECT_EQ(
      parse_error("{\n  \"a\": 1\n  \"b\": 2\n}"),
      "c.json:3:3: expected \",\" or \"}\" after a value; the line above has no comma at its end");
}

TEST(JsonText, MissingCommaOnOneLine) {
  EXPECT_EQ(parse_error("[1 2]"), "c.json:1:4: expected \",\" or \"]\" after a value");
}

TEST(JsonText, CommaBeforeTheBraceIsNamed) {
  EXPECT_EQ(parse_error("{\n  \"a\": 1,\n}"),
            "c.json:2:9: a comma before \"}\" is not allowed in JSON");
}

TEST(JsonText, CommentIsNamed) {
  EXPECT_THAT(parse_error("{\n // note\n \"a\": 1}"),
              HasSubstr("c.json:2:2: comments are not allowed"));
  EXPECT_THAT(parse_error("{\"a\": 1 # note\n}"), HasSubstr("comments are not allowed"));
}

TEST(JsonText, OtherLanguagesWordsAreNamed) {
  EXPECT_THAT(parse_error("{\"a\": True}"), HasSubstr("JSON writes true and false"));
  EXPECT_THAT(parse_error("{\"a\": None}"), HasSubstr("JSON writes null"));
  EXPECT_THAT(parse_error("{'a': 1}"), HasSubstr("double quotes"));
  EXPECT_THAT(parse_error("{\"a\": 'x'}"), HasSubstr("double quotes"));
}

TEST(JsonText, KeyGivenTwiceIsNamed) {
  EXPECT_EQ(parse_error("{\"seed\": 1,\n \"seed\": 2}"), "c.json:2:2: \"seed\" is given twice");
}

TEST(JsonText, CutOffTextIsNamed) {
  const std::string whole = "{\"a\": [1, {\"b\": \"text\"}, true]}";
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(parse_error(whole.substr(0, size)), HasSubstr("c.json:1:")) << size;
  }
  EXPECT_EQ(parse_error(whole), "");
}

TEST(JsonText, TextAfterTheEndIsNamed) {
  EXPECT_THAT(parse_error("{} {}"), HasSubstr("text after the end"));
  EXPECT_THAT(parse_error("{},"), HasSubstr("a comma after the last"));
}

TEST(JsonText, DeepNestingIsRefused) {
  EXPECT_THAT(parse_error(std::string(100000, '[')), HasSubstr("nested too deeply"));
}

TEST(JsonText, BadUtf8IsRefused) {
  EXPECT_THAT(parse_error("{\"a\": \"\xff\"}"), HasSubstr("c.json"));
}

TEST(JsonText, ByteOrderMarkIsSkipped) {
  EXPECT_EQ(parse_json("\xEF\xBB\xBF{\"a\": 1}", "").at("a"), 1);
}

TEST(JsonText, MissingFileIsNamed) {
  const test::TempDir dir;
  EXPECT_THROW(read_json(dir / "nowhere.json"), util::ConfigError);
  EXPECT_THROW(read_json(dir.path()), util::ConfigError);
}

}  // namespace
}  // namespace omnigen::config
