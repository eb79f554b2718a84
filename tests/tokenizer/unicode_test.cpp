#include "tokenizer/unicode.h"

#include <gtest/gtest.h>

namespace omnigen::tokenizer {
namespace {

TEST(Unicode, LettersAndNumbersAreByCategory) {
  for (const char32_t c : {U'a', U'Z', U'é', U'ß', U'ǅ', U'ʰ', U'中', U'ª'}) {
    EXPECT_TRUE(is_letter(c)) << static_cast<uint32_t>(c);
    EXPECT_FALSE(is_number(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {U'7', U'Ⅷ', U'²', U'½', U'٣'}) {
    EXPECT_TRUE(is_number(c)) << static_cast<uint32_t>(c);
    EXPECT_FALSE(is_letter(c)) << static_cast<uint32_t>(c);
  }
  for (const char32_t c : {U'_', U'-', U'№', U'😀', U'\u0301', U' '}) {
    EXPECT_FALSE(is_letter(c) || is_number(c)) << static_cast<uint32_t>(c);
  }
}

TEST(Unicode, NormalFormComposes) {
  EXPECT_EQ(to_nfc("e\u0301 \u1100\u1161"), "é 가");
  EXPECT_EQ(to_nfc("ﬁ"), "ﬁ");  // compatibility characters stay
  EXPECT_EQ(to_nfc(""), "");
}

TEST(Unicode, LowerCaseIsCharacterByCharacter) {
  EXPECT_EQ(to_lower("ÄBC ΣΑΣ İ"), "äbc σασ i\u0307");
  EXPECT_EQ(to_lower("ß😀"), "ß😀");
}

}  // namespace
}  // namespace omnigen::tokenizer
