// Text drawn into images with an embedded font: no font file is needed on a compute node.
//
// A glyph is a few strokes (lines and quadratic B-splines), drawn anti-aliased at any size. ASCII
// is complete; accented Latin letters lose their accents, other characters become a box.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/image.h"

namespace omnigen::validate {

using Rgb = std::array<uint8_t, 3>;

struct TextStyle {
  double size_px = 28.0;  // as a font's nominal size: capitals are 0.73 of it high
  Rgb fill = {255, 255, 255};
  Rgb outline = {0, 0, 0};
  double outline_px = 2.0;  // 0: none
};

double text_width(std::string_view text, const TextStyle& style);
// From one line's top to the next one's.
double line_height(const TextStyle& style);
// (x, y) is the top left corner of the first capital. What lies outside of the image is left out.
void draw_text(data::Image& image, std::string_view text, double x, double y,
               const TextStyle& style);
// Breaks at blanks, within words only where one alone is too wide; the last of `max_lines` ends in
// "..." if text is left.
std::vector<std::string> wrap_text(std::string_view text, double width, size_t max_lines,
                                   const TextStyle& style);

}  // namespace omnigen::validate
