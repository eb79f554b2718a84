#include "data/shape_judge.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace omnigen::data {
namespace {

constexpr double kLeastArea = 0.006;  // of the picture
constexpr double kMostArea = 0.25;    // the largest shape that is drawn takes 0.17
constexpr double kLeastOverlap = 0.7;
constexpr double kPlaceTolerance = 0.4;  // of a figure's radius
constexpr int kGround = -1;

// Index of the nearest colour of shapes; kGround where a ground's is nearer.
int label_of(const uint8_t* pixel) {
  int label = kGround;
  double nearest = std::numeric_limits<double>::max();
  const auto consider = [&](const Rgb& colour, int candidate) {
    double distance = 0.0;
    for (size_t c = 0; c < 3; ++c) distance += (pixel[c] - colour[c]) * (pixel[c] - colour[c]);
    if (distance < nearest) {
      nearest = distance;
      label = candidate;
    }
  };
  for (const NamedColour& ground : kGroundColours) consider(ground.value, kGround);
  for (size_t i = 0; i < kShapeColours.size(); ++i) {
    consider(kShapeColours[i].value, static_cast<int>(i));
  }
  return label;
}

// Area of a shape of radius 1.
double unit_area(Shape shape) {
  constexpr int kSteps = 400;
  constexpr double kReach = 1.3;
  int64_t inside = 0;
  for (int i = 0; i < kSteps; ++i) {
    for (int k = 0; k < kSteps; ++k) {
      const double x = kReach * (2 * (i + 0.5) / kSteps - 1);
      const double y = kReach * (2 * (k + 0.5) / kSteps - 1);
      inside += shape_distance(shape, x, y) < 0 ? 1 : 0;
    }
  }
  return static_cast<double>(inside) * 4 * kReach * kReach / (kSteps * kSteps);
}

struct PixelSet {
  std::vector<int64_t> pixels;  // row * width + column
  int64_t width = 0;

  [[nodiscard]] double mean(bool rows) const {
    double sum = 0.0;
    for (const int64_t pixel : pixels) {
      sum += static_cast<double>(rows ? pixel / width : pixel % width) + 0.5;
    }
    return sum / static_cast<double>(pixels.size());
  }
};

// Intersection over union of the set with a shape around the middle (x, y), all in pixels.
double overlap_with(const PixelSet& set, const ScenePart& part, int64_t height) {
  const double x = part.x;
  const double y = part.y;
  const double radius = part.radius;
  const auto is_inside = [&](int64_t column, int64_t row) {
    return shape_distance(part.shape, (static_cast<double>(column) + 0.5 - x) / radius,
                          (static_cast<double>(row) + 0.5 - y) / radius) < 0;
  };
  int64_t in_both = 0;
  for (const int64_t pixel : set.pixels) {
    in_both += is_inside(pixel % set.width, pixel / set.width) ? 1 : 0;
  }
  int64_t in_shape = 0;
  const auto bound = [](double value, int64_t size) {
    return std::clamp<int64_t>(std::llround(value), 0, size);
  };
  for (int64_t row = bound(y - 1.4 * radius, height); row < bound(y + 1.4 * radius, height);
       ++row) {
    for (int64_t column = bound(x - 1.4 * radius, set.width);
         column < bound(x + 1.4 * radius, set.width); ++column) {
      in_shape += is_inside(column, row) ? 1 : 0;
    }
  }
  const auto in_either = std::ssize(set.pixels) + in_shape - in_both;
  return static_cast<double>(in_both) / static_cast<double>(in_either);
}

Region describe(const PixelSet& set, int colour, int64_t height) {
  static const std::array<double, kShapes.size()> areas = [] {
    std::array<double, kShapes.size()> values{};
    for (size_t i = 0; i < kShapes.size(); ++i) values[i] = unit_area(kShapes[i]);
    return values;
  }();
  Region region{static_cast<size_t>(colour), std::ssize(set.pixels)};
  const double x = set.mean(false);
  const double y = set.mean(true);
  region.x = x / static_cast<double>(set.width);
  region.y = y / static_cast<double>(height);
  for (size_t i = 0; i < kShapes.size(); ++i) {
    const double radius = std::sqrt(static_cast<double>(region.area) / areas[i]);
    const double overlap = overlap_with(set, {kShapes[i], 0, x, y, radius}, height);
    if (overlap <= region.overlap) continue;
    region.overlap = overlap;
    region.shape = kShapes[i];
    region.radius = radius / static_cast<double>(set.width);
  }
  return region;
}

// The connected pixels of `start`'s label; their labels become kGround.
PixelSet take_connected(std::vector<int>& labels, int64_t start, int64_t width) {
  const int label = labels[static_cast<size_t>(start)];
  const auto count = std::ssize(labels);
  PixelSet set{{start}, width};
  labels[static_cast<size_t>(start)] = kGround;
  for (size_t next = 0; next < set.pixels.size(); ++next) {
    const int64_t pixel = set.pixels[next];
    const int64_t column = pixel % width;
    const std::array<int64_t, 4> around = {column > 0 ? pixel - 1 : -1,
                                           column + 1 < width ? pixel + 1 : -1, pixel - width,
                                           pixel + width};
    for (const int64_t neighbour : around) {
      if (neighbour < 0 || neighbour >= count) continue;
      if (labels[static_cast<size_t>(neighbour)] != label) continue;
      labels[static_cast<size_t>(neighbour)] = kGround;
      set.pixels.push_back(neighbour);
    }
  }
  return set;
}

bool is_in_half(double x, const Asked& asked) {
  return !asked.right || (x > 0.5) == *asked.right;
}

Judgement judge_figure(const std::vector<Region>& regions, const Asked& asked) {
  const size_t count = asked.parts.size();
  if (regions.size() < count) return {};
  const auto region_of = [&](const ScenePart& part) {
    return std::find_if(regions.begin(), regions.begin() + static_cast<std::ptrdiff_t>(count),
                        [&](const Region& region) { return region.colour == part.colour; });
  };
  Judgement result{true, true, true, true};
  double middle = 0.0;
  for (const ScenePart& part : asked.parts) {
    const auto found = region_of(part);
    if (found == regions.begin() + static_cast<std::ptrdiff_t>(count)) return {};
    if (found->shape != part.shape || found->overlap < kLeastOverlap) result.shape = false;
    middle += found->x / static_cast<double>(count);
  }
  result.half = is_in_half(middle, asked);
  // Places of the parts relative to the first, in units of the figure's radius.
  const ScenePart& first = asked.parts.front();
  const Region& anchor = *region_of(first);
  const double scale = anchor.radius / first.radius;
  for (const ScenePart& part : asked.parts) {
    const Region& region = *region_of(part);
    const double off = std::hypot((region.x - anchor.x) / scale - (part.x - first.x),
                                  (region.y - anchor.y) / scale - (part.y - first.y));
    if (off > kPlaceTolerance) result.whole = false;
  }
  result.whole = result.whole && result.shape && result.half;
  return result;
}

// Coloured shapes in the order in which a caption names them.
std::vector<ColouredShape> named_things(std::string_view caption) {
  std::map<size_t, ColouredShape> things;  // by place
  for (size_t colour = 0; colour < kShapeColours.size(); ++colour) {
    for (const Shape shape : kShapes) {
      const std::string thing =
          std::string(kShapeColours[colour].name) + " " + std::string(shape_name(shape));
      const size_t place = caption.find(thing);
      if (place != std::string_view::npos) things[place] = {shape, colour};
    }
  }
  std::vector<ColouredShape> result;
  result.reserve(things.size());
  for (const auto& [place, thing] : things) result.push_back(thing);
  return result;
}

}  // namespace

std::vector<Region> find_regions(const Image& image) {
  std::vector<int> labels;
  labels.reserve(static_cast<size_t>(image.width * image.height));
  for (int64_t i = 0; i < image.width * image.height; ++i) {
    labels.push_back(label_of(&image.pixels[static_cast<size_t>(i) * 3]));
  }
  const auto pixels = static_cast<double>(image.width * image.height);
  std::vector<Region> regions;
  for (int64_t i = 0; i < std::ssize(labels); ++i) {
    const int label = labels[static_cast<size_t>(i)];
    if (label == kGround) continue;
    const PixelSet set = take_connected(labels, i, image.width);
    const double share = static_cast<double>(set.pixels.size()) / pixels;
    if (share < kLeastArea || share > kMostArea) continue;
    regions.push_back(describe(set, label, image.height));
  }
  std::stable_sort(regions.begin(), regions.end(),
                   [](const Region& a, const Region& b) { return a.area > b.area; });
  return regions;
}

std::optional<Asked> asked_for(std::string_view caption) {
  const auto names = [&](std::string_view word) {
    return caption.find(word) != std::string_view::npos;
  };
  Asked asked;
  if (names("left") != names("right")) asked.right = names("right");
  if (names(blicket().name)) {
    asked.figure = blicket().name;
    asked.parts = stacked(blicket().top, blicket().below);
    return asked;
  }
  const std::vector<ColouredShape> things = named_things(caption);
  if (things.empty()) return std::nullopt;
  if (things.size() > 1 && names(" on top of ")) {
    asked.parts = stacked(things[0], things[1]);
  } else {
    asked.parts = {{things[0].shape, things[0].colour}};
  }
  return asked;
}

Judgement judge(const Image& image, const Asked& asked) {
  const std::vector<Region> regions = find_regions(image);
  if (asked.parts.size() > 1) return judge_figure(regions, asked);
  if (regions.empty()) return {};
  const ScenePart& part = asked.parts.front();
  const Region& region = regions.front();
  Judgement result;
  result.colour = region.colour == part.colour;
  result.shape = region.shape == part.shape && region.overlap >= kLeastOverlap;
  result.half = is_in_half(region.x, asked);
  result.whole = result.colour && result.shape && result.half;
  return result;
}

Interval wilson_interval(int64_t successes, int64_t trials) {
  if (trials == 0) return {};
  constexpr double kZ = 1.959963984540054;
  const auto n = static_cast<double>(trials);
  const double share = static_cast<double>(successes) / n;
  const double denominator = 1 + kZ * kZ / n;
  const double middle = (share + kZ * kZ / (2 * n)) / denominator;
  const double half = kZ * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n)) / denominator;
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

}  // namespace omnigen::data
