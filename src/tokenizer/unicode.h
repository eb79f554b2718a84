// Unicode properties and normal forms. GLib stays behind this door.
#pragma once

#include <string>
#include <string_view>

namespace omnigen::tokenizer {

// General categories L* and N*, as `\p{L}` and `\p{N}` of a regular expression.
bool is_letter(char32_t c);
bool is_number(char32_t c);

// Normal form C. `text` is valid UTF-8 without NUL.
std::string to_nfc(std::string_view text);

// Character by character, without regard to neighbours or language. `text` is valid UTF-8.
std::string to_lower(std::string_view text);

}  // namespace omnigen::tokenizer
