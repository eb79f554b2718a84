// UTF-8 text as Unicode scalars.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace omnigen::tokenizer {

struct Utf8Char {
  char32_t value = 0;
  size_t num_bytes = 0;  // 0: not valid UTF-8 here
};

// The scalar that begins at `offset` < text.size(). Overlong forms and surrogates are invalid.
Utf8Char utf8_char_at(std::string_view text, size_t offset);
// The scalar that ends just before `offset` > 0 of valid text.
Utf8Char utf8_char_before(std::string_view text, size_t offset);

// Offset of the first byte that is not valid UTF-8.
std::optional<size_t> first_invalid_utf8(std::string_view text);

// Unicode property White_Space.
bool is_white_space(char32_t c);
// A letter, digit, underscore or mark, as `\w` of a regular expression.
bool is_word_char(char32_t c);

// Without white space at either end. `text` is valid UTF-8.
std::string_view trim(std::string_view text);

}  // namespace omnigen::tokenizer
