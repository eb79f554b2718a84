// 8-bit RGB images to files' bytes.
#pragma once

#include <map>
#include <string>

#include "data/image.h"

namespace omnigen::data {

// PNG bytes with text chunks (prompt, seed, …). The same image gives the same bytes.
std::string encode_png(const Image& image, const std::map<std::string, std::string>& text = {});

}  // namespace omnigen::data
