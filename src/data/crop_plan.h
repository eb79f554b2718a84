// What becomes of one image: the size it is resized to, the window that is cut out, its bucket.
//
// Source: bghira/SimpleTuner, simpletuner/helpers/multiaspect/image.py and training sample
// preparation; departures from it are named in docs/formats.md under "Sizes and crops".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/crop_settings.h"

namespace omnigen::data {

struct CropPlan {
  std::string rejection;   // empty: accepted; else too_small, aspect_out_of_range, …
  double aspect = 0;       // of the target, rounded
  std::string bucket;      // its text: "1.0", "0.78"
  PixelSize target;        // what is encoded
  PixelSize intermediary;  // the nominal size before the crop, as SimpleTuner records it
  PixelSize resized;       // what the image is really resized to; the source's size: not resized
  int64_t crop_top = 0;
  int64_t crop_left = 0;

  [[nodiscard]] bool accepted() const { return rejection.empty(); }
  // Largest possible crop_top and crop_left.
  [[nodiscard]] int64_t spare_height() const { return resized.height - target.height; }
  [[nodiscard]] int64_t spare_width() const { return resized.width - target.width; }
};

// Whom random choices (crop_aspect random, crop_style random) are drawn for. A cache that is not
// rebuilt between epochs stays at epoch 0.
struct CropDraw {
  uint64_t seed = 0;
  std::string_view dataset_id = {};
  std::string_view path = {};  // relative to the data set's folder
  uint64_t epoch = 0;
};

// `source` is the size after EXIF rotation, at least 1x1. A pure function of its arguments, in
// double precision; quotients that decide a size are formed in SimpleTuner's order.
CropPlan plan_crop(const CropSettings& settings, PixelSize source, const CropDraw& draw);

// Both edges below 64 px: enlarged to a blur; accepted, but worth a warning.
bool is_tiny(PixelSize source);

// Width / height rounded to so many decimals (of the exact binary value, as printf rounds).
double rounded_aspect(int64_t width, int64_t height, int64_t decimals);
// Shortest text that reads back to the same number, with a decimal point.
std::string aspect_text(double aspect);

}  // namespace omnigen::data
