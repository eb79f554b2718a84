#include "data/crop_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "util/error.h"
#include "util/log.h"

namespace omnigen::data {
namespace {

constexpr double kPixelsPerMegapixel = 1e6;
constexpr int64_t kPatchPixels = 16;  // 8 of the VAE times 2 of the patch
constexpr double kMegapixelLimit = 20;
constexpr double kMinimumMegapixelLimit = 5;
constexpr double kUsualSmallestPixels = 512;

// A size as written, and the unit in which it was written.
struct Quantity {
  double value = 0;
  std::string unit;
};

double converted(const Quantity& quantity, bool to_area) {
  if (quantity.value == 0) return 0;
  if (to_area) {
    return quantity.unit == "area" ? quantity.value
                                   : quantity.value * quantity.value / kPixelsPerMegapixel;
  }
  return quantity.unit == "area" ? std::sqrt(quantity.value * kPixelsPerMegapixel) : quantity.value;
}

bool is_known_type(const std::string& type) {
  return type == "pixel" || type == "area" || type == "pixel_area";
}

// Collects the first problem only: later ones may follow from it.
class Checker {
 public:
  explicit Checker(std::optional<CropProblem>& problem) : problem_(problem) {}
  void require(bool fine, const char* reason, const std::string& message) {
    if (!fine && !problem_) problem_ = CropProblem{reason, message};
  }

 private:
  std::optional<CropProblem>& problem_;
};

class Resolver {
 public:
  Resolver(const CropKeys& keys, const CropDefaults& defaults)
      : keys_(keys), defaults_(defaults), check_(out_.problem) {}

  CropResolution resolve() {
    read_sizes();
    if (!out_.problem) check_sizes();
    read_modes();
    copy_rest();
    return std::move(out_);
  }

 private:
  [[nodiscard]] Quantity quantity(const std::optional<double>& own, double inherited) const {
    if (own) return {*own, type_};
    return {inherited, defaults_.resolution_type};
  }

  void read_sizes() {
    type_ = keys_.resolution_type.empty() ? defaults_.resolution_type : keys_.resolution_type;
    for (const std::string& type : {type_, defaults_.resolution_type}) {
      check_.require(is_known_type(type), "unknown_resolution_type",
                     fmt::format("resolution_type \"{}\" is unknown; use pixel, area (megapixels) "
                                 "or pixel_area",
                                 type));
    }
    const Quantity resolution = quantity(keys_.resolution, defaults_.resolution);
    check_.require(
        resolution.unit != "pixel_area" || resolution.value == std::trunc(resolution.value),
        "pixel_area_not_whole",
        fmt::format("resolution {} with resolution_type pixel_area is not a whole number of pixels",
                    resolution.value));
    CropSettings& out = out_.settings;
    out.area = type_ != "pixel";
    out.resolution = converted(resolution, out.area);
    out.minimum_image_size =
        converted(quantity(keys_.minimum_image_size, defaults_.minimum_image_size), out.area);
    out.maximum_image_size =
        converted(quantity(keys_.maximum_image_size, defaults_.maximum_image_size), out.area);
    out.target_downsample_size = converted(
        quantity(keys_.target_downsample_size, defaults_.target_downsample_size), out.area);
  }

  void check_sizes() {
    const CropSettings& s = out_.settings;
    check_.require(s.resolution > 0 && s.minimum_image_size >= 0 && s.maximum_image_size >= 0 &&
                       s.target_downsample_size >= 0,
                   "size_not_positive",
                   "resolution must be above 0, the other image sizes 0 (off) or above");
    check_.require(s.maximum_image_size == 0 || s.target_downsample_size != 0,
                   "maximum_without_downsample",
                   "maximum_image_size needs target_downsample_size: the size that larger images "
                   "are reduced to");
    if (s.area) check_megapixels();
    const int64_t alignment = defaults_.aspect_bucket_alignment;
    check_.require(
        alignment > 0 && alignment % kPatchPixels == 0, "alignment_not_multiple_of_16",
        fmt::format("aspect_bucket_alignment {} is not a multiple of 16, which OmniGen's "
                    "latent patches need; use 64, 32 or 16",
                    alignment));
    if (!s.area) check_pixels();
  }

  void check_megapixels() {
    const CropSettings& s = out_.settings;
    const double largest = std::max({s.resolution, s.maximum_image_size, s.target_downsample_size});
    check_.require(largest < kMegapixelLimit, "megapixels_too_large",
                   fmt::format("an image size comes to {} megapixels; values are megapixels for "
                               "`area`; 1024 means 1024 MP, write 1.0 or use pixel_area",
                               largest));
    check_.require(s.minimum_image_size <= kMinimumMegapixelLimit, "minimum_above_5",
                   fmt::format("minimum_image_size comes to {} megapixels, so nearly every image "
                               "would be dropped; with resolution_type area 1024 means 1024 "
                               "megapixels, write 1.0 or use pixel_area",
                               s.minimum_image_size));
  }

  void check_pixels() {
    const CropSettings& s = out_.settings;
    const double below = std::floor(s.resolution / kPatchPixels) * kPatchPixels;
    check_.require(std::fmod(s.resolution, kPatchPixels) == 0,
                   "pixel_resolution_not_multiple_of_16",
                   fmt::format("resolution {} with resolution_type pixel is not a multiple of 16; "
                               "the nearest are {} and {}",
                               s.resolution, below, below + kPatchPixels));
    for (const double size : {s.maximum_image_size, s.target_downsample_size}) {
      if (size == 0 || size >= kUsualSmallestPixels) continue;
      out_.warnings.push_back(
          fmt::format("maximum_image_size or target_downsample_size is {} px, below 512; is the "
                      "unit right?",
                      size));
    }
  }

  void read_modes() {
    static const std::map<std::string, CropAspect> kAspects = {{"square", CropAspect::kSquare},
                                                               {"preserve", CropAspect::kPreserve},
                                                               {"random", CropAspect::kRandom},
                                                               {"closest", CropAspect::kClosest}};
    static const std::map<std::string, CropStyle> kStyles = {{"random", CropStyle::kRandom},
                                                             {"corner", CropStyle::kCorner},
                                                             {"center", CropStyle::kCenter},
                                                             {"centre", CropStyle::kCenter}};
    CropSettings& out = out_.settings;
    const auto aspect = kAspects.find(keys_.crop_aspect);
    check_.require(aspect != kAspects.end(), "unknown_crop_aspect",
                   fmt::format("crop_aspect \"{}\" is unknown; use square, preserve, random or "
                               "closest",
                               keys_.crop_aspect));
    if (aspect != kAspects.end()) out.crop_aspect = aspect->second;
    check_aspects();
    check_.require(keys_.crop_style != "face", "crop_style_face",
                   "crop_style face needs a face detector, which this program lacks; use center, "
                   "corner or random");
    const auto style = kStyles.find(keys_.crop_style);
    check_.require(style != kStyles.end(), "unknown_crop_style",
                   fmt::format("crop_style \"{}\" is unknown; use random, center or corner",
                               keys_.crop_style));
    if (style != kStyles.end()) out.crop_style = style->second;
  }

  void check_aspects() {
    const std::vector<AspectChoice>& aspects = keys_.crop_aspect_buckets;
    const CropAspect mode = out_.settings.crop_aspect;
    if (mode != CropAspect::kRandom && mode != CropAspect::kClosest) return;
    check_.require(!aspects.empty(), "crop_aspect_buckets",
                   fmt::format("crop_aspect {} needs crop_aspect_buckets, a list of aspects",
                               keys_.crop_aspect));
    double sum = 0;
    size_t num_weights = 0;
    for (const AspectChoice& choice : aspects) {
      check_.require(choice.aspect > 0 && std::isfinite(choice.aspect), "aspect_not_positive",
                     fmt::format("crop_aspect_buckets holds the aspect {}; aspects are width / "
                                 "height, above 0",
                                 choice.aspect));
      num_weights += choice.weight.has_value() ? 1 : 0;
      sum += choice.weight.value_or(0);
    }
    const bool weights_fine =
        num_weights == 0 || (num_weights == aspects.size() && std::abs(sum - 1) < 1e-9);
    check_.require(weights_fine, "aspect_weights",
                   fmt::format("the weights of crop_aspect_buckets sum to {}; give every element a "
                               "weight, with sum 1",
                               sum));
  }

  void copy_rest() {
    CropSettings& out = out_.settings;
    out.crop = keys_.crop;
    out.aspects = keys_.crop_aspect_buckets;
    out.minimum_aspect_ratio = keys_.minimum_aspect_ratio;
    out.maximum_aspect_ratio = keys_.maximum_aspect_ratio;
    out.max_upscale_threshold = keys_.max_upscale_threshold;
    out.upscale_limit_always = defaults_.upscale_limit_always;
    out.alignment = defaults_.aspect_bucket_alignment;
    out.rounding = defaults_.aspect_bucket_rounding;
    out.min_source_edge = defaults_.min_source_edge;
    check_.require(out.rounding >= 1 && out.rounding <= 9, "aspect_bucket_rounding",
                   fmt::format("aspect_bucket_rounding {} is outside 1 to 9", out.rounding));
    check_.require(
        defaults_.size_policy == "st" || defaults_.size_policy == "documented",
        "unknown_size_policy",
        fmt::format("size_policy \"{}\" is unknown; use st or documented", defaults_.size_policy));
    out.size_policy =
        defaults_.size_policy == "documented" ? SizePolicy::kDocumented : SizePolicy::kSimpleTuner;
  }

  const CropKeys& keys_;
  const CropDefaults& defaults_;
  CropResolution out_;
  Checker check_;
  std::string type_;
};

}  // namespace

CropResolution resolve_crop_keys(const CropKeys& keys, const CropDefaults& defaults) {
  return Resolver(keys, defaults).resolve();
}

CropSettings crop_settings(const std::string& dataset_id, const CropKeys& keys,
                           const CropDefaults& defaults) {
  CropResolution resolution = resolve_crop_keys(keys, defaults);
  if (resolution.problem) {
    throw util::ConfigError(
        fmt::format("data set \"{}\": {}", dataset_id, resolution.problem->message));
  }
  for (const std::string& warning : resolution.warnings) {
    util::log::warn_once(fmt::format("data set \"{}\": {}", dataset_id, warning));
  }
  return std::move(resolution.settings);
}

}  // namespace omnigen::data
