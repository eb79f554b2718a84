#include "data/crop_plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

#include "util/seed_stream.h"

namespace omnigen::data {
namespace {

constexpr double kPixelsPerMegapixel = 1e6;
constexpr int64_t kLargestEdge = 16384;
constexpr int64_t kTinyEdge = 64;

struct SizePlan {
  PixelSize target;
  PixelSize intermediary;
  double aspect = 0;
};

// The edge of a square result, and the area that step 2a compares with.
struct Square {
  int64_t edge = 0;
  double area = 0;
};

int64_t trunc_to_int(double value) {
  return static_cast<int64_t>(value);
}

double round_decimals(double value, int64_t decimals) {
  std::array<char, 512> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::fixed, static_cast<int>(decimals))
                       .ptr;
  double rounded = 0;
  std::from_chars(text.data(), end, rounded);
  return rounded;
}

class Planner {
 public:
  Planner(const CropSettings& settings, PixelSize source)
      : settings_(settings),
        source_(source),
        raw_(static_cast<double>(source.width) / static_cast<double>(source.height)) {}

  [[nodiscard]] CropPlan plan(const CropDraw& draw) const;

 private:
  // Python's round: halves to even.
  [[nodiscard]] int64_t align(double value) const {
    const auto step = static_cast<double>(settings_.alignment);
    return static_cast<int64_t>(std::max(step, step * std::nearbyint(value / step)));
  }
  [[nodiscard]] double rounded(PixelSize size) const {
    return rounded_aspect(size.width, size.height, settings_.rounding);
  }

  [[nodiscard]] bool is_too_small() const;
  [[nodiscard]] Square square() const;
  [[nodiscard]] SizePlan pixel_rule(double aspect, double resolution) const;
  [[nodiscard]] SizePlan area_rule(double aspect, double megapixels) const;
  [[nodiscard]] SizePlan size_rule(double aspect, double resolution) const {
    return settings_.area ? area_rule(aspect, resolution) : pixel_rule(aspect, resolution);
  }
  [[nodiscard]] bool upscales_too_much(PixelSize target) const;
  [[nodiscard]] std::optional<double> chosen_aspect(const CropDraw& draw) const;
  [[nodiscard]] bool passes_by_downsample_size(PixelSize target) const;
  [[nodiscard]] PixelSize downsampled(PixelSize target) const;
  [[nodiscard]] PixelSize resized(const CropPlan& plan) const;
  void correct_square(SizePlan& sizes) const;
  [[nodiscard]] std::string rejection_of(const CropPlan& plan) const;
  void place_crop(CropPlan& plan, const CropDraw& draw) const;

  const CropSettings& settings_;
  PixelSize source_;
  double raw_;
};

bool Planner::is_too_small() const {
  const auto width = static_cast<double>(source_.width);
  const auto height = static_cast<double>(source_.height);
  if (std::min(source_.width, source_.height) < settings_.min_source_edge) return true;
  const double minimum = settings_.minimum_image_size;
  if (minimum == 0) return false;
  if (!settings_.area) return width < minimum || height < minimum;
  const double edge = std::floor(std::sqrt(minimum * kPixelsPerMegapixel));
  const bool square = settings_.crop && settings_.crop_aspect == CropAspect::kSquare;
  if (square && (width < edge || height < edge)) return true;
  return width * height < minimum * kPixelsPerMegapixel;
}

Square Planner::square() const {
  if (!settings_.area) return {trunc_to_int(settings_.resolution), 0};
  struct Snap {
    double near_megapixels;
    double edge;
  };
  constexpr std::array<Snap, 5> kSnaps = {
      {{0.25, 512}, {0.5, 768}, {1.0, 1024}, {2.0, 1536}, {4.0, 2048}}};
  for (const Snap& snap : kSnaps) {
    if (std::abs(settings_.resolution - snap.near_megapixels) < 0.05) {
      return {align(snap.edge), snap.edge * snap.edge};
    }
  }
  const double area = settings_.resolution * kPixelsPerMegapixel;
  return {align(std::sqrt(area)), area};
}

SizePlan Planner::pixel_rule(double aspect, double resolution) const {
  const bool portrait = source_.width < source_.height;
  const double target_width = portrait ? resolution : std::trunc(resolution * aspect);
  const double target_height = portrait ? std::trunc(resolution / aspect) : resolution;
  SizePlan plan;
  plan.target = {align(target_width), align(target_height)};
  const auto aligned_width = static_cast<double>(plan.target.width);
  const auto aligned_height = static_cast<double>(plan.target.height);
  double width = 0;
  double height = 0;
  if (raw_ >= 1) {
    height = std::max(aligned_height, target_height);
    width = std::trunc(height * raw_);
    if (width < aligned_width) {
      width = aligned_width;
      height = std::trunc(width / raw_);
    }
  } else {
    width = std::max(aligned_width, target_width);
    height = std::trunc(width / raw_);
    if (height < aligned_height) {
      height = aligned_height;
      width = std::trunc(height * raw_);
    }
  }
  plan.intermediary = {trunc_to_int(width), trunc_to_int(height)};
  plan.aspect = rounded(plan.target);
  return plan;
}

SizePlan Planner::area_rule(double aspect, double megapixels) const {
  const int64_t edge = align(std::trunc(std::sqrt(megapixels * kPixelsPerMegapixel)));
  if (aspect == 1.0 && source_.width == source_.height) {
    return {{edge, edge}, {edge, edge}, 1.0};
  }
  SizePlan plan;
  const double root = std::sqrt(aspect);
  plan.target = {align(static_cast<double>(edge) * root), align(static_cast<double>(edge) / root)};
  plan.aspect = rounded(plan.target);
  int64_t width = plan.target.width;
  int64_t height = plan.target.height;
  if (width < height) {
    height = trunc_to_int(static_cast<double>(width) / raw_);
  } else {
    width = trunc_to_int(static_cast<double>(height) * raw_);
  }
  const auto mapped = settings_.aspect_resolution_map.find(aspect_text(plan.aspect));
  if (mapped != settings_.aspect_resolution_map.end()) plan.target = mapped->second;
  // Without a map at most one of the two is short.
  if (const int64_t missing = plan.target.width - width; missing > 0) {
    width += missing;
    height += trunc_to_int(static_cast<double>(missing) / raw_);
  }
  if (const int64_t missing = plan.target.height - height; missing > 0) {
    height += missing;
    width += trunc_to_int(static_cast<double>(missing) * raw_);
  }
  plan.intermediary = {width, height};
  return plan;
}

bool Planner::upscales_too_much(PixelSize target) const {
  const double factor = 1.0 + *settings_.max_upscale_threshold;
  return static_cast<double>(target.width) > static_cast<double>(source_.width) * factor ||
         static_cast<double>(target.height) > static_cast<double>(source_.height) * factor;
}

// Nothing where the limit on enlargement leaves no aspect to choose.
std::optional<double> Planner::chosen_aspect(const CropDraw& draw) const {
  std::vector<AspectChoice> usable;
  for (const AspectChoice& choice : settings_.aspects) {
    const bool fits = !settings_.max_upscale_threshold ||
                      !upscales_too_much(size_rule(choice.aspect, settings_.resolution).target);
    if (fits) usable.push_back(choice);
  }
  if (usable.empty()) return std::nullopt;
  if (settings_.crop_aspect == CropAspect::kClosest) {
    const double own = rounded(source_);
    return std::min_element(usable.begin(), usable.end(),
                            [own](const AspectChoice& a, const AspectChoice& b) {
                              return std::abs(a.aspect - own) < std::abs(b.aspect - own);
                            })
        ->aspect;
  }
  util::SeedStream stream(draw.seed, "crop aspect", {draw.dataset_id, draw.path}, draw.epoch);
  double sum = 0;
  for (const AspectChoice& choice : usable) sum += choice.weight.value_or(1.0);
  double left = stream.uniform() * sum;
  for (const AspectChoice& choice : usable) {
    left -= choice.weight.value_or(1.0);
    if (left < 0) return choice.aspect;
  }
  return usable.back().aspect;
}

bool Planner::passes_by_downsample_size(PixelSize target) const {
  const CropSettings& s = settings_;
  if (s.maximum_image_size == 0 || s.target_downsample_size == 0) return false;
  const double area = static_cast<double>(source_.width) * static_cast<double>(source_.height);
  const auto longest = static_cast<double>(std::max(source_.width, source_.height));
  if (s.size_policy == SizePolicy::kDocumented) {
    return s.area ? area > s.maximum_image_size * kPixelsPerMegapixel
                  : longest > s.maximum_image_size;
  }
  const Square px = square();
  if (!s.area) return source_.width != px.edge || source_.height != px.edge;
  return area != px.area || source_.width < target.width || source_.height < target.height;
}

PixelSize Planner::downsampled(PixelSize target) const {
  PixelSize size = size_rule(rounded(source_), settings_.target_downsample_size).intermediary;
  if (size.width < target.width) {
    const double factor = static_cast<double>(target.width) / static_cast<double>(size.width);
    size = {target.width, trunc_to_int(static_cast<double>(size.height) * factor)};
  }
  if (size.height < target.height) {
    const double factor = static_cast<double>(target.height) / static_cast<double>(size.height);
    size = {trunc_to_int(static_cast<double>(size.width) * factor), target.height};
  }
  return size;
}

PixelSize Planner::resized(const CropPlan& plan) const {
  if (!settings_.crop) return plan.intermediary;
  return passes_by_downsample_size(plan.target) ? downsampled(plan.target) : plan.intermediary;
}

// A square result has the edge of square(), which may be larger than the area rule's.
void Planner::correct_square(SizePlan& sizes) const {
  if (sizes.aspect != 1.0) return;
  const int64_t edge = square().edge;
  if (std::min(sizes.intermediary.width, sizes.intermediary.height) < edge) {
    const auto length = static_cast<double>(edge);
    sizes.intermediary = source_.width >= source_.height
                             ? PixelSize{trunc_to_int(length * raw_), edge}
                             : PixelSize{edge, trunc_to_int(length / raw_)};
  }
  sizes.target = {edge, edge};
}

std::string Planner::rejection_of(const CropPlan& plan) const {
  const bool chosen = settings_.crop && (settings_.crop_aspect == CropAspect::kClosest ||
                                         settings_.crop_aspect == CropAspect::kRandom);
  if (std::max(plan.target.width, plan.target.height) > kLargestEdge) return "aspect_out_of_range";
  if (settings_.max_upscale_threshold && (settings_.upscale_limit_always || chosen) &&
      upscales_too_much(plan.target)) {
    return "upscale_limit";
  }
  if (settings_.minimum_aspect_ratio && plan.aspect < *settings_.minimum_aspect_ratio) {
    return "below_min_aspect_ratio";
  }
  if (settings_.maximum_aspect_ratio && plan.aspect > *settings_.maximum_aspect_ratio) {
    return "above_max_aspect_ratio";
  }
  return "";
}

void Planner::place_crop(CropPlan& plan, const CropDraw& draw) const {
  if (settings_.crop_style == CropStyle::kCorner) return;
  if (settings_.crop_style == CropStyle::kCenter) {
    plan.crop_top = plan.spare_height() / 2;
    plan.crop_left = plan.spare_width() / 2;
    return;
  }
  util::SeedStream stream(draw.seed, "crop", {draw.dataset_id, draw.path}, draw.epoch);
  const auto up_to = [&stream](int64_t spare) {
    return static_cast<int64_t>(stream.below(static_cast<uint64_t>(spare) + 1));
  };
  plan.crop_left = up_to(plan.spare_width());
  plan.crop_top = up_to(plan.spare_height());
}

CropPlan Planner::plan(const CropDraw& draw) const {
  CropPlan plan;
  const auto rejected = [&plan](std::string reason) {
    plan.rejection = std::move(reason);
    return plan;
  };
  if (is_too_small()) return rejected("too_small");
  double aspect = rounded(source_);
  if (aspect == 0) return rejected("aspect_out_of_range");
  if (settings_.crop && settings_.crop_aspect != CropAspect::kPreserve) {
    const bool square = settings_.crop_aspect == CropAspect::kSquare;
    const std::optional<double> chosen = square ? 1.0 : chosen_aspect(draw);
    if (!chosen) return rejected("upscale_limit");
    aspect = *chosen;
  }
  SizePlan sizes = size_rule(aspect, settings_.resolution);
  if (settings_.crop && settings_.crop_aspect == CropAspect::kSquare) sizes.aspect = 1.0;
  correct_square(sizes);
  plan.aspect = sizes.aspect;
  plan.bucket = aspect_text(sizes.aspect);
  plan.target = sizes.target;
  plan.intermediary = sizes.intermediary;
  if (std::string reason = rejection_of(plan); !reason.empty()) return rejected(std::move(reason));
  plan.resized = resized(plan);
  place_crop(plan, draw);
  return plan;
}

}  // namespace

CropPlan plan_crop(const CropSettings& settings, PixelSize source, const CropDraw& draw) {
  return Planner(settings, source).plan(draw);
}

bool is_tiny(PixelSize source) {
  return source.width < kTinyEdge && source.height < kTinyEdge;
}

double rounded_aspect(int64_t width, int64_t height, int64_t decimals) {
  return round_decimals(static_cast<double>(width) / static_cast<double>(height), decimals);
}

std::string aspect_text(double aspect) {
  std::array<char, 512> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), aspect, std::chars_format::fixed).ptr;
  std::string out(text.data(), end);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

}  // namespace omnigen::data
