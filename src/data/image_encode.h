// 8-bit RGB images to files' bytes, and the text in such files back.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "data/image.h"

namespace omnigen::data {

// PNG bytes with text chunks (prompt, seed, …). The same image gives the same bytes. Keys are 1 to
// 79 printable ASCII characters. Errors: DataError for a bad key or if encoding fails.
std::string encode_png(const Image& image, const std::map<std::string, std::string>& text = {});

// Bytes of "png", "jpeg" or "webp". `quality`, 1 to 100, is of the latter two, which keep no text.
// Errors: DataError if encoding fails, ConfigError for another format.
std::string encode_image(const Image& image, const std::string& format, int64_t quality,
                         const std::map<std::string, std::string>& text = {});

// The usual ending of such files: ".png", ".jpg", ".webp".
std::string image_extension(const std::string& format);

// The text chunks of a PNG. Errors: DataError if it is not a PNG.
std::map<std::string, std::string> read_png_text(std::string_view png);

}  // namespace omnigen::data
