// `validation_resolution`: which sizes are rendered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omnigen::validate {

inline constexpr int64_t kSideMultiple = 16;  // one patch of latents, in pixels

struct Resolution {
  int64_t width = 0;
  int64_t height = 0;
  bool operator==(const Resolution&) const = default;
};

// "1024x768".
std::string resolution_text(const Resolution& resolution);

struct ResolutionList {
  std::vector<Resolution> items;
  std::vector<std::string> notices;  // what was rounded, converted or dropped
};

// Comma list of WIDTHxHEIGHT (also X and the sign ×, blanks around it), a whole number (square), or
// a number below 128 (megapixels: 1 is 1024, n is 1000·n). Sides are rounded to the nearest
// multiple of 16. Errors: ConfigError naming the item, or a side beyond `max_side`.
ResolutionList parse_resolutions(std::string_view text, int64_t max_side);

}  // namespace omnigen::validate
