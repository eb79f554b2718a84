#include "validate/stroke_font.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "validate/stroke_glyphs.h"

namespace omnigen::validate {
namespace {

constexpr double kCapToSize = 0.73;
constexpr double kStrokeToSize = 0.062;  // radius of a stroke: a bold face
constexpr double kLineToSize = 1.3;
constexpr int kPiecesPerCurve = 6;

struct Point {
  double x = 0.0;
  double y = 0.0;
};
struct Segment {
  Point a;
  Point b;
};

Point middle(Point a, Point b) {
  return {(a.x + b.x) / 2, (a.y + b.y) / 2};
}

void add_curve(std::vector<Segment>& out, Point from, Point control, Point to) {
  Point last = from;
  for (int i = 1; i <= kPiecesPerCurve; ++i) {
    const double t = static_cast<double>(i) / kPiecesPerCurve;
    const double p = (1 - t) * (1 - t);
    const double q = 2 * t * (1 - t);
    const double r = t * t;
    const Point next = {p * from.x + q * control.x + r * to.x,
                        p * from.y + q * control.y + r * to.y};
    out.push_back({last, next});
    last = next;
  }
}

void add_stroke(std::vector<Segment>& out, char kind, const std::vector<Point>& points) {
  const size_t n = points.size();
  if (kind == 'L') {
    for (size_t i = 1; i < n; ++i) out.push_back({points[i - 1], points[i]});
  } else if (kind == 'O') {
    for (size_t i = 0; i < n; ++i) {
      const Point& control = points[i];
      add_curve(out, middle(points[(i + n - 1) % n], control), control,
                middle(control, points[(i + 1) % n]));
    }
  } else {
    for (size_t i = 1; i + 1 < n; ++i) {
      const Point from = i == 1 ? points[0] : middle(points[i - 1], points[i]);
      const Point to = i + 2 == n ? points[n - 1] : middle(points[i], points[i + 1]);
      add_curve(out, from, points[i], to);
    }
  }
}

std::vector<Segment> parse_strokes(std::string_view text) {
  std::vector<Segment> segments;
  const std::string terminated(text);
  const char* at = terminated.c_str();
  while (*at != '\0') {
    const char kind = *at++;
    std::vector<Point> points;
    while (*at != '\0' && std::isalpha(static_cast<unsigned char>(*at)) == 0) {
      char* end = nullptr;
      const double x = std::strtod(at, &end);
      const double y = std::strtod(end, &end);
      points.push_back({x, y});
      at = end + std::strspn(end, " ");
    }
    add_stroke(segments, kind, points);
  }
  return segments;
}

// Base letters of U+00C0 to U+00FF.
constexpr std::string_view kLatin1 =
    "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYPsaaaaaaaceeeeiiiidnooooo/ouuuuypy";

// Printable ASCII for a code point, or 0 for the box.
char to_ascii(char32_t code) {
  if (code >= 0x20 && code <= 0x7E) return static_cast<char>(code);
  if (code >= 0xC0 && code <= 0xFF) return kLatin1[code - 0xC0];
  if (code == 0x2018 || code == 0x2019) return '\'';
  if (code == 0x201C || code == 0x201D) return '"';
  if (code >= 0x2010 && code <= 0x2015) return '-';
  if (code <= 0x20 || code == 0xA0) return ' ';
  return '\0';
}

// One glyph per character of UTF-8 text.
std::vector<char> to_glyphs(std::string_view text) {
  std::vector<char> glyphs;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t code = length == 1 ? lead : lead & (0x7FU >> length);
    for (size_t k = 1; k < length && i + k < text.size(); ++k) {
      code = code << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3FU);
    }
    glyphs.push_back(to_ascii(code));
    i += length;
  }
  return glyphs;
}

const StrokeGlyph& glyph_of(char c) {
  return c == '\0' ? kBoxGlyph : kAsciiGlyphs[static_cast<size_t>(c - ' ')];
}

double scale_of(const TextStyle& style) {
  return style.size_px * kCapToSize / kCapHeight;
}

double distance(Point p, const Segment& s) {
  const double dx = s.b.x - s.a.x;
  const double dy = s.b.y - s.a.y;
  const double length2 = dx * dx + dy * dy;
  const double along = length2 > 0 ? ((p.x - s.a.x) * dx + (p.y - s.a.y) * dy) / length2 : 0;
  const double t = std::clamp(along, 0.0, 1.0);
  return std::hypot(p.x - s.a.x - t * dx, p.y - s.a.y - t * dy);
}

void blend(data::Image& image, int64_t x, int64_t y, const Rgb& colour, double coverage) {
  uint8_t* pixel = &image.pixels[static_cast<size_t>((y * image.width + x) * 3)];
  for (size_t c = 0; c < 3; ++c) {
    pixel[c] = static_cast<uint8_t>(std::lround(pixel[c] + (colour[c] - pixel[c]) * coverage));
  }
}

// Paints all that lies within `radius` of the segments.
void paint(data::Image& image, const std::vector<Segment>& segments, double radius,
           const Rgb& colour) {
  Point low = {1e9, 1e9};
  Point high = {-1e9, -1e9};
  for (const Segment& s : segments) {
    low = {std::min({low.x, s.a.x, s.b.x}), std::min({low.y, s.a.y, s.b.y})};
    high = {std::max({high.x, s.a.x, s.b.x}), std::max({high.y, s.a.y, s.b.y})};
  }
  const auto first = [&](double v) { return std::max<int64_t>(0, std::floor(v - radius - 1)); };
  const auto last = [&](double v, int64_t size) {
    return std::min<int64_t>(size - 1, static_cast<int64_t>(std::ceil(v + radius + 1)));
  };
  for (int64_t y = first(low.y); y <= last(high.y, image.height); ++y) {
    for (int64_t x = first(low.x); x <= last(high.x, image.width); ++x) {
      const Point centre = {static_cast<double>(x) + 0.5, static_cast<double>(y) + 0.5};
      double nearest = 1e9;
      for (const Segment& s : segments) nearest = std::min(nearest, distance(centre, s));
      const double coverage = std::clamp(radius - nearest + 0.5, 0.0, 1.0);
      if (coverage > 0) blend(image, x, y, colour, coverage);
    }
  }
}

const std::vector<Segment>& segments_of(char c) {
  static const std::map<char, std::vector<Segment>> kSegments = [] {
    std::map<char, std::vector<Segment>> all = {{'\0', parse_strokes(kBoxGlyph.strokes)}};
    for (char ascii = ' '; ascii <= '~'; ++ascii) {
      all[ascii] = parse_strokes(glyph_of(ascii).strokes);
    }
    return all;
  }();
  return kSegments.at(c);
}

std::vector<std::vector<Segment>> place(std::string_view text, double x, double y, double scale) {
  std::vector<std::vector<Segment>> placed;
  for (const char c : to_glyphs(text)) {
    const double left = x + kSideBearing * scale;
    std::vector<Segment> glyph;
    for (const Segment& s : segments_of(c)) {
      glyph.push_back(
          {{left + s.a.x * scale, y + s.a.y * scale}, {left + s.b.x * scale, y + s.b.y * scale}});
    }
    placed.push_back(std::move(glyph));
    x += (glyph_of(c).width + 2 * kSideBearing) * scale;
  }
  return placed;
}

// Longest head of `text` that fits, at least one character, cut between characters.
size_t fitting_bytes(std::string_view text, double width, const TextStyle& style) {
  size_t fits = 0;
  for (size_t end = 1; end <= text.size(); ++end) {
    const bool boundary =
        end == text.size() || (static_cast<unsigned char>(text[end]) & 0xC0) != 0x80;
    if (!boundary) continue;
    if (fits > 0 && text_width(text.substr(0, end), style) > width) break;
    fits = end;
  }
  return fits;
}

}  // namespace

double text_width(std::string_view text, const TextStyle& style) {
  double width = 0;
  for (const char c : to_glyphs(text)) width += glyph_of(c).width + 2 * kSideBearing;
  return width * scale_of(style);
}

double line_height(const TextStyle& style) {
  return style.size_px * kLineToSize;
}

void draw_text(data::Image& image, std::string_view text, double x, double y,
               const TextStyle& style) {
  const auto glyphs = place(text, x, y, scale_of(style));
  const double radius = style.size_px * kStrokeToSize;
  // All outlines first: none may cover its neighbour's strokes.
  if (style.outline_px > 0) {
    for (const auto& glyph : glyphs) paint(image, glyph, radius + style.outline_px, style.outline);
  }
  for (const auto& glyph : glyphs) paint(image, glyph, radius, style.fill);
}

std::vector<std::string> wrap_text(std::string_view text, double width, size_t max_lines,
                                   const TextStyle& style) {
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < max_lines) {
    const size_t fits = fitting_bytes(text, width, style);
    size_t cut = fits;
    if (fits < text.size()) {
      const size_t blank = text.rfind(' ', fits);
      if (blank != std::string_view::npos && blank > 0) cut = blank;
    }
    lines.emplace_back(text.substr(0, cut));
    text.remove_prefix(cut);
    text.remove_prefix(std::min(text.size(), text.find_first_not_of(' ')));
  }
  if (!text.empty() && !lines.empty()) {
    std::string& last = lines.back();
    const double room = width - text_width("...", style);
    last.resize(fitting_bytes(last, room, style));
    last += "...";
  }
  return lines;
}

}  // namespace omnigen::validate
