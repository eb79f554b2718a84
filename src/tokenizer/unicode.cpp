#include "tokenizer/unicode.h"

#include <glib.h>

#include <array>
#include <memory>

#include "tokenizer/utf8.h"
#include "util/error.h"

namespace omnigen::tokenizer {
namespace {

constexpr char32_t kCapitalIWithDot = 0x130;
// The only character whose lower case is always more than one: i and a combining dot.
constexpr std::string_view kSmallIWithDot = "i\u0307";
constexpr size_t kLongestUtf8 = 6;  // what g_unichar_to_utf8 may write

void append(std::string& text, char32_t c) {
  std::array<char, kLongestUtf8> bytes{};
  const int size = g_unichar_to_utf8(c, bytes.data());
  text.append(bytes.data(), static_cast<size_t>(size));
}

}  // namespace

bool is_letter(char32_t c) {
  switch (g_unichar_type(c)) {
    case G_UNICODE_LOWERCASE_LETTER:
    case G_UNICODE_UPPERCASE_LETTER:
    case G_UNICODE_TITLECASE_LETTER:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_OTHER_LETTER:
      return true;
    default:
      return false;
  }
}

bool is_number(char32_t c) {
  switch (g_unichar_type(c)) {
    case G_UNICODE_DECIMAL_NUMBER:
    case G_UNICODE_LETTER_NUMBER:
    case G_UNICODE_OTHER_NUMBER:
      return true;
    default:
      return false;
  }
}

std::string to_nfc(std::string_view text) {
  const std::unique_ptr<char, void (*)(void*)> normal(
      g_utf8_normalize(text.data(), static_cast<gssize>(text.size()), G_NORMALIZE_NFC), g_free);
  if (!normal) throw util::DataError("the text is not UTF-8");
  return normal.get();
}

std::string to_lower(std::string_view text) {
  std::string lowered;
  for (size_t offset = 0; offset < text.size();) {
    const Utf8Char c = utf8_char_at(text, offset);
    if (c.num_bytes == 0) throw util::DataError("the text is not UTF-8");
    offset += c.num_bytes;
    if (c.value == kCapitalIWithDot) {
      lowered += kSmallIWithDot;
    } else {
      append(lowered, g_unichar_tolower(c.value));
    }
  }
  return lowered;
}

}  // namespace omnigen::tokenizer
