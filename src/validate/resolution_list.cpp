#include "validate/resolution_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "util/error.h"

namespace omnigen::validate {
namespace {

constexpr std::string_view kBlanks = " \t\n\r";
constexpr std::string_view kTimesSign = "\xC3\x97";  // ×
constexpr double kMegapixelLimit = 128.0;
constexpr int64_t kMegapixelMultiple = 8;

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

[[noreturn]] void reject(std::string_view item) {
  throw util::ConfigError(
      fmt::format("validation_resolution: cannot read \"{}\"; write WIDTHxHEIGHT, e.g. "
                  "1024x1024,1280x768 [C27]",
                  item));
}

int64_t side_of_megapixels(double megapixels) {
  if (megapixels == 1.0) return 1024;
  const auto side = static_cast<int64_t>(megapixels * 1000.0);
  return side / kMegapixelMultiple * kMegapixelMultiple;
}

Resolution parse_item(std::string_view item, std::vector<std::string>& notices) {
  std::string text(item);
  const size_t sign = text.find(kTimesSign);
  if (sign != std::string::npos) text.replace(sign, kTimesSign.size(), 1, 'x');
  const size_t cross = text.find_first_of("xX");
  if (cross != std::string::npos) {
    const auto width = parse_number<int64_t>(trimmed(std::string_view(text).substr(0, cross)));
    const auto height = parse_number<int64_t>(trimmed(std::string_view(text).substr(cross + 1)));
    if (!width || !height || *width < 1 || *height < 1) reject(item);
    return {*width, *height};
  }
  const auto number = parse_number<double>(text);
  if (!number || !std::isfinite(*number) || *number <= 0 || *number > 1e6) reject(item);
  if (*number < kMegapixelLimit) {
    const int64_t side = side_of_megapixels(*number);
    notices.push_back(
        fmt::format("validation_resolution: {} is below 128 and read as megapixels: {}x{} [C28]",
                    item, side, side));
    return {side, side};
  }
  if (*number != std::floor(*number)) reject(item);
  return {static_cast<int64_t>(*number), static_cast<int64_t>(*number)};
}

int64_t to_multiple(int64_t side) {
  return std::max(kSideMultiple, (side + kSideMultiple / 2) / kSideMultiple * kSideMultiple);
}

}  // namespace

std::string resolution_text(const Resolution& resolution) {
  return fmt::format("{}x{}", resolution.width, resolution.height);
}

ResolutionList parse_resolutions(std::string_view text, int64_t max_side) {
  ResolutionList list;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view item = trimmed(text.substr(begin, end - begin));
    begin = end + 1;
    if (item.empty()) reject(text);
    const Resolution asked = parse_item(item, list.notices);
    const Resolution rounded = {to_multiple(asked.width), to_multiple(asked.height)};
    if (std::max(rounded.width, rounded.height) > max_side) {
      throw util::ConfigError(fmt::format(
          "validation_resolution: {} is beyond the model's largest side of {} pixels [C27]", item,
          max_side));
    }
    if (rounded != asked) {
      list.notices.push_back(
          fmt::format("validation_resolution: {} rounded to {}, multiples of {} [C29]", item,
                      resolution_text(rounded), kSideMultiple));
    }
    if (std::find(list.items.begin(), list.items.end(), rounded) != list.items.end()) {
      list.notices.push_back(fmt::format("validation_resolution: {} is there already, dropped",
                                         resolution_text(rounded)));
    } else {
      list.items.push_back(rounded);
    }
  }
  return list;
}

}  // namespace omnigen::validate
