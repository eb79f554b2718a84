// What kind of image file a run of bytes is, told by its content and never by a suffix.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "data/crop_settings.h"

namespace omnigen::data {

enum class ImageFormat { kJpeg, kPng, kWebp, kBmp, kGif, kTiff, kPnm };

std::string image_format_name(ImageFormat format);
// From the first 16 bytes or more.
std::optional<ImageFormat> sniff_format(std::string_view bytes);
// The size in a BMP header, which the decoder would only give together with the pixels.
std::optional<PixelSize> bmp_size(std::string_view bytes);
// The end that a complete file of this format has is missing.
bool is_cut_short(ImageFormat format, std::string_view bytes);
// The first bytes as text for a message: "89 50 4e 47".
std::string magic_text(std::string_view bytes);

}  // namespace omnigen::data
