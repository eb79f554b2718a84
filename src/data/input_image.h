// Sizing of input images (edit samples, conditioned sampling) and of jsonl sets: OmniGen's own
// rule.
//
// Source: VectorSpaceLab/OmniGen, OmniGen/utils.py (crop_arr, center_crop_arr).
#pragma once

#include <cstdint>
#include <vector>

#include "data/resample.h"

namespace omnigen::data {

struct ResizeStep {
  PixelSize size;
  ResampleFilter filter = ResampleFilter::kBoxAa;
};

struct InputImagePlan {
  std::vector<ResizeStep> steps;  // one after the other
  Window crop;                    // of the last step's result
};

// `keep_raw_resolution`: keeps the shape, edges become multiples of 16 near the image's own size,
// at most max_image_size; off: a square of max_image_size. Errors: ConfigError if max_image_size is
// not a positive multiple of 16.
InputImagePlan plan_input_image(PixelSize source, int64_t max_image_size, bool keep_raw_resolution);
Image apply_input_plan(const Image& image, const InputImagePlan& plan);

}  // namespace omnigen::data
