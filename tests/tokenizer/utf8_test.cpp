#include "tokenizer/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace omnigen::tokenizer {
namespace {

TEST(Utf8, ReadsScalarsOfEveryLength) {
  const std::string text = "aé中🟫";
  EXPECT_EQ(utf8_char_at(text, 0).value, U'a');
  EXPECT_EQ(utf8_char_at(text, 1).value, U'é');
  EXPECT_EQ(utf8_char_at(text, 3).value, U'中');
  EXPECT_EQ(utf8_char_at(text, 6).value, U'🟫');
  EXPECT_EQ(utf8_char_before(text, text.size()).value, U'🟫');
  EXPECT_EQ(utf8_char_before(text, 3).value, U'é');
}

TEST(Utf8, FindsTheFirstInvalidByte) {
  EXPECT_EQ(first_invalid_utf8("plain é 中"), std::nullopt);
  EXPECT_EQ(first_invalid_utf8("ab\xff"
                               "c"),
            2U);
  EXPECT_EQ(first_invalid_utf8("a\xc3"), 1U);             // cut short
  EXPECT_EQ(first_invalid_utf8("\xc0\xaf"), 0U);          // overlong
  EXPECT_EQ(first_invalid_utf8("\xe0\x80\xaf"), 0U);      // overlong
  EXPECT_EQ(first_invalid_utf8("x\xed\xa0\x80"), 1U);     // surrogate
  EXPECT_EQ(first_invalid_utf8("\xf4\x90\x80\x80"), 0U);  // beyond U+10FFFF
}

TEST(Utf8, TrimsUnicodeWhiteSpace) {
  EXPECT_EQ(trim("\t\u00a0 a b\u3000\r\n"), "a b");
  EXPECT_EQ(trim(" \n "), "");
  EXPECT_EQ(trim("\u200b"), "\u200b");  // a zero-width space is no White_Space
}

TEST(Utf8, KnowsWordCharactersBeyondAscii) {
  EXPECT_TRUE(is_word_char(U'é'));
  EXPECT_TRUE(is_word_char(U'中'));
  EXPECT_TRUE(is_word_char(U'_'));
  EXPECT_TRUE(is_word_char(U'\u0301'));  // a combining accent
  EXPECT_FALSE(is_word_char(U'—'));
  EXPECT_FALSE(is_word_char(U'.'));
}

}  // namespace
}  // namespace omnigen::tokenizer
