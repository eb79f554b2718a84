#include "tokenizer/utf8.h"

#include <locale.h>
#include <wctype.h>

#include <cstdint>

namespace omnigen::tokenizer {
namespace {

constexpr char32_t kLastScalar = 0x10FFFF;

uint8_t byte_at(std::string_view text, size_t offset) {
  return static_cast<uint8_t>(text[offset]);
}

bool is_continuation(uint8_t byte) {
  return (byte & 0xC0) == 0x80;
}

// The C library's tables of character classes; the process's own locale stays as it is.
locale_t unicode_locale() {
  static const locale_t kLocale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return kLocale;
}

}  // namespace

Utf8Char utf8_char_at(std::string_view text, size_t offset) {
  const uint8_t lead = byte_at(text, offset);
  if (lead < 0x80) return {lead, 1};
  const size_t num_bytes = lead < 0xC2   ? 0
                           : lead < 0xE0 ? 2
                           : lead < 0xF0 ? 3
                           : lead < 0xF5 ? 4
                                         : 0;
  if (num_bytes == 0 || offset + num_bytes > text.size()) return {lead, 0};
  char32_t value = lead & (0xFFU >> (num_bytes + 1));
  for (size_t i = 1; i < num_bytes; ++i) {
    const uint8_t byte = byte_at(text, offset + i);
    if (!is_continuation(byte)) return {lead, 0};
    value = value << 6 | (byte & 0x3FU);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kSmallest[num_bytes] || value > kLastScalar || surrogate) return {lead, 0};
  return {value, num_bytes};
}

Utf8Char utf8_char_before(std::string_view text, size_t offset) {
  size_t begin = offset - 1;
  while (begin > 0 && is_continuation(byte_at(text, begin))) --begin;
  return utf8_char_at(text, begin);
}

std::optional<size_t> first_invalid_utf8(std::string_view text) {
  for (size_t offset = 0; offset < text.size();) {
    const size_t num_bytes = utf8_char_at(text, offset).num_bytes;
    if (num_bytes == 0) return offset;
    offset += num_bytes;
  }
  return std::nullopt;
}

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_word_char(char32_t c) {
  if (c < 0x80) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  }
  if (c == 0x200C || c == 0x200D || c == 0x203F || c == 0x2040 || c == 0x2054) return true;
  const locale_t locale = unicode_locale();
  if (locale == nullptr) return false;
  static const wctype_t kCombining = ::wctype_l("combining", locale);
  const auto character = static_cast<wint_t>(c);
  return ::iswalnum_l(character, locale) != 0 || ::iswctype_l(character, kCombining, locale) != 0;
}

std::string_view trim(std::string_view text) {
  while (!text.empty()) {
    const Utf8Char first = utf8_char_at(text, 0);
    if (first.num_bytes == 0 || !is_white_space(first.value)) break;
    text.remove_prefix(first.num_bytes);
  }
  while (!text.empty()) {
    const Utf8Char last = utf8_char_before(text, text.size());
    if (last.num_bytes == 0 || !is_white_space(last.value)) break;
    text.remove_suffix(last.num_bytes);
  }
  return text;
}

}  // namespace omnigen::tokenizer
