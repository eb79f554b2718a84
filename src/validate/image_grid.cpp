#include "validate/image_grid.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "validate/stroke_font.h"

namespace omnigen::validate {
namespace {

constexpr uint8_t kWhite = 255;
constexpr Rgb kSeparator = {200, 200, 200};
constexpr Rgb kInk = {45, 45, 45};
constexpr double kMarginPixels = 10.0;
constexpr double kMaxTextPixels = 28.0;
constexpr double kPictureToText = 18.0;  // a picture's width holds that many letters' heights
constexpr double kOutlineToText = 14.0;
constexpr double kCapToText = 0.73;
constexpr double kDescentToText = 0.24;
constexpr double kPromptShare = 1.0 / 3.0;
constexpr int64_t kSheetMargin = 24;
constexpr int64_t kSheetGap = 12;
constexpr double kTitlePixels = 26.0;
constexpr double kCaptionPixels = 17.0;

// 28 px as the reference on large pictures, less on small ones.
TextStyle overlay_style(int64_t picture_width) {
  TextStyle style;
  style.size_px = std::min(kMaxTextPixels, static_cast<double>(picture_width) / kPictureToText);
  style.outline_px = style.size_px / kOutlineToText;
  return style;
}

TextStyle sheet_style(double size_px) {
  TextStyle style;
  style.size_px = size_px;
  style.fill = kInk;
  style.outline_px = 0;
  return style;
}

void paste(data::Image& target, const data::Image& source, int64_t x, int64_t y) {
  for (int64_t row = 0; row < source.height; ++row) {
    const auto from = source.pixels.begin() + row * source.width * 3;
    std::copy(from, from + source.width * 3,
              target.pixels.begin() + ((y + row) * target.width + x) * 3);
  }
}

// How much of each source pixel lies under target pixel `index`.
struct Span {
  int64_t first;
  std::vector<double> weights;
};

std::vector<Span> area_spans(int64_t source, int64_t target) {
  std::vector<Span> spans;
  const double scale = static_cast<double>(source) / static_cast<double>(target);
  for (int64_t i = 0; i < target; ++i) {
    const double low = static_cast<double>(i) * scale;
    const double high = std::min(static_cast<double>(i + 1) * scale, static_cast<double>(source));
    Span span = {static_cast<int64_t>(low), {}};
    for (int64_t k = span.first; static_cast<double>(k) < high; ++k) {
      const double covered =
          std::min(high, static_cast<double>(k + 1)) - std::max(low, static_cast<double>(k));
      span.weights.push_back(covered / (high - low));
    }
    spans.push_back(std::move(span));
  }
  return spans;
}

data::Image thumbnail(const data::Image& image, int64_t cell) {
  const double scale = std::min(
      1.0, static_cast<double>(cell) / static_cast<double>(std::max(image.width, image.height)));
  const auto scaled = [&](int64_t side) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(side) * scale));
  };
  return shrink(image, scaled(image.width), scaled(image.height));
}

std::string ellipsis(const std::string& text, double width, const TextStyle& style) {
  const auto lines = wrap_text(text, width, 1, style);
  return lines.empty() ? "" : lines.front();
}

}  // namespace

data::Image blank_image(int64_t width, int64_t height) {
  return {width, height, std::vector<uint8_t>(static_cast<size_t>(width * height * 3), kWhite)};
}

data::Image join(const data::Image& left, const data::Image& right) {
  const int64_t height = std::max(left.height, right.height);
  data::Image joined = blank_image(left.width + kSeparatorWidth + right.width, height);
  paste(joined, left, 0, (height - left.height) / 2);
  paste(joined, right, left.width + kSeparatorWidth, (height - right.height) / 2);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < kSeparatorWidth; ++x) {
      std::copy(kSeparator.begin(), kSeparator.end(),
                joined.pixels.begin() + (y * joined.width + left.width + x) * 3);
    }
  }
  return joined;
}

void draw_label(data::Image& image, const std::string& label) {
  draw_text(image, label, kMarginPixels, kMarginPixels, overlay_style(image.width));
}

void draw_prompt(data::Image& image, const std::string& prompt) {
  const TextStyle style = overlay_style(image.width);
  const auto room = static_cast<double>(image.height) * kPromptShare;
  const auto max_lines = std::max<size_t>(1, static_cast<size_t>(room / line_height(style)));
  const auto lines = wrap_text(
      "Prompt: " + prompt, static_cast<double>(image.width) - 2 * kMarginPixels, max_lines, style);
  double y = static_cast<double>(image.height) - kMarginPixels -
             style.size_px * (kCapToText + kDescentToText) -
             static_cast<double>(lines.size() - 1) * line_height(style);
  for (const std::string& line : lines) {
    const double x = (static_cast<double>(image.width) - text_width(line, style)) / 2;
    draw_text(image, line, x, y, style);
    y += line_height(style);
  }
}

data::Image stitch(const StitchParts& parts, const std::string& prompt) {
  data::Image picture = parts.checkpoint;
  if (!parts.benchmark.empty()) {
    data::Image left = parts.benchmark;
    draw_label(left, "base model");
    draw_label(picture, parts.checkpoint_label);
    picture = join(left, picture);
  }
  draw_prompt(picture, prompt);
  if (parts.ema.empty()) return picture;
  data::Image right = parts.ema;
  draw_label(right, "EMA");
  return join(picture, right);
}

data::Image shrink(const data::Image& image, int64_t width, int64_t height) {
  TORCH_CHECK(width <= image.width && height <= image.height, "shrink: ", image.width, "x",
              image.height, " to ", width, "x", height);
  const auto columns = area_spans(image.width, width);
  const auto rows = area_spans(image.height, height);
  data::Image out = blank_image(width, height);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      std::array<double, 3> sum = {0, 0, 0};
      const Span& row = rows[static_cast<size_t>(y)];
      const Span& column = columns[static_cast<size_t>(x)];
      for (size_t j = 0; j < row.weights.size(); ++j) {
        const int64_t source_y = row.first + static_cast<int64_t>(j);
        auto pixel = image.pixels.begin() + (source_y * image.width + column.first) * 3;
        for (const double weight : column.weights) {
          for (double& channel : sum) channel += weight * row.weights[j] * *pixel++;
        }
      }
      for (size_t c = 0; c < 3; ++c) {
        out.pixels[static_cast<size_t>((y * width + x) * 3) + c] =
            static_cast<uint8_t>(std::lround(sum[c]));
      }
    }
  }
  return out;
}

data::Image contact_sheet(const std::string& title, const std::vector<std::string>& columns,
                          const std::vector<SheetRow>& rows, int64_t cell) {
  const TextStyle title_style = sheet_style(kTitlePixels);
  const TextStyle caption_style = sheet_style(kCaptionPixels);
  const auto caption_height = static_cast<int64_t>(line_height(caption_style));
  const auto head = kSheetMargin + static_cast<int64_t>(line_height(title_style)) + kSheetGap;
  std::vector<std::vector<data::Image>> cells;
  std::vector<int64_t> heights;
  for (const SheetRow& row : rows) {
    std::vector<data::Image> line;
    int64_t height = 1;
    for (const data::Image& image : row.images) {
      line.push_back(image.empty() ? data::Image{} : thumbnail(image, cell));
      height = std::max(height, line.back().height);
    }
    cells.push_back(std::move(line));
    heights.push_back(height);
  }
  int64_t height = head + caption_height + kSheetMargin;
  for (const int64_t row_height : heights) height += row_height + caption_height + kSheetGap;
  const auto num_columns = static_cast<int64_t>(columns.size());
  data::Image sheet =
      blank_image(2 * kSheetMargin + num_columns * (cell + kSheetGap) - kSheetGap, height);
  const double width = static_cast<double>(sheet.width - 2 * kSheetMargin);
  draw_text(sheet, ellipsis(title, width, title_style), kSheetMargin, kSheetMargin, title_style);
  for (int64_t c = 0; c < num_columns; ++c) {
    draw_text(sheet, columns[static_cast<size_t>(c)],
              static_cast<double>(kSheetMargin + c * (cell + kSheetGap)), static_cast<double>(head),
              caption_style);
  }
  int64_t y = head + caption_height;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < cells[r].size(); ++c) {
      const data::Image& image = cells[r][c];
      const int64_t x = kSheetMargin + static_cast<int64_t>(c) * (cell + kSheetGap);
      paste(sheet, image, x, y + (heights[r] - image.height) / 2);
    }
    y += heights[r];
    draw_text(sheet, ellipsis(rows[r].name, width, caption_style), kSheetMargin,
              static_cast<double>(y) + kCaptionPixels * 0.3, caption_style);
    y += caption_height + kSheetGap;
  }
  return sheet;
}

}  // namespace omnigen::validate
