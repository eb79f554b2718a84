// How one data set's images are sized and cropped: its keys as a user writes them, and what they
// mean after inheritance, conversion of units and checks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace omnigen::data {

struct PixelSize {
  int64_t width = 0;
  int64_t height = 0;
  bool operator==(const PixelSize&) const = default;
};

// An element of crop_aspect_buckets.
struct AspectChoice {
  double aspect = 1.0;
  std::optional<double> weight = std::nullopt;  // for crop_aspect random
};

// Keys of one data set; what is unset is inherited. 0 is "off" for the three size limits.
struct CropKeys {
  std::string resolution_type;  // pixel, area, pixel_area; empty: inherited
  std::optional<double> resolution;
  std::optional<double> minimum_image_size;
  std::optional<double> maximum_image_size;
  std::optional<double> target_downsample_size;
  bool crop = false;
  std::string crop_aspect = "square";  // square, preserve, random, closest
  std::string crop_style = "random";   // random, corner, center
  std::vector<AspectChoice> crop_aspect_buckets;
  std::optional<double> minimum_aspect_ratio;
  std::optional<double> maximum_aspect_ratio;
  std::optional<double> max_upscale_threshold;
};

// Options of the whole run.
struct CropDefaults {
  std::string resolution_type = "pixel_area";
  double resolution = 1024;
  double minimum_image_size = 0;
  double maximum_image_size = 0;
  double target_downsample_size = 0;
  int64_t aspect_bucket_alignment = 64;
  int64_t aspect_bucket_rounding = 2;
  std::string size_policy = "st";     // st, documented
  bool upscale_limit_always = false;  // max_upscale_threshold also without a choice of aspects
  int64_t min_source_edge = 0;        // px; smaller images are left out
};

enum class CropAspect { kSquare, kPreserve, kRandom, kClosest };
enum class CropStyle { kRandom, kCorner, kCenter };
enum class SizePolicy {
  kSimpleTuner,  // "st": a maximum_image_size makes every image pass by target_downsample_size
  kDocumented,   // only an image above maximum_image_size does
};

// Units: sizes in megapixels (10^6) where `area`, else in pixels; 0 is off.
struct CropSettings {
  bool area = true;
  double resolution = 0;
  double minimum_image_size = 0;
  double maximum_image_size = 0;
  double target_downsample_size = 0;
  bool crop = false;
  CropAspect crop_aspect = CropAspect::kSquare;
  CropStyle crop_style = CropStyle::kRandom;
  std::vector<AspectChoice> aspects;
  std::optional<double> minimum_aspect_ratio;
  std::optional<double> maximum_aspect_ratio;
  std::optional<double> max_upscale_threshold;
  bool upscale_limit_always = false;
  int64_t alignment = 64;
  int64_t rounding = 2;  // decimals of an aspect
  int64_t min_source_edge = 0;
  SizePolicy size_policy = SizePolicy::kSimpleTuner;
  // Bucket text -> target, for a user's own targets; area rule only.
  std::map<std::string, PixelSize> aspect_resolution_map;
};

// Why keys are refused: a short fixed name, and the message for the user.
struct CropProblem {
  std::string reason;  // e.g. "maximum_without_downsample"
  std::string message;
};

struct CropResolution {
  CropSettings settings;
  std::optional<CropProblem> problem;
  std::vector<std::string> warnings;
};

CropResolution resolve_crop_keys(const CropKeys& keys, const CropDefaults& defaults);

// Warnings go to the log. Errors: ConfigError naming the data set.
CropSettings crop_settings(const std::string& dataset_id, const CropKeys& keys,
                           const CropDefaults& defaults);

}  // namespace omnigen::data
