// A picture as CLIP sees it: shorter side resized, centre cut out, colours normalised.
//
// Source: huggingface/transformers
// src/transformers/models/clip/image_processing_clip.py.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <filesystem>

#include "data/image.h"

namespace omnigen::validate {

struct ClipImageConfig {
  int64_t shortest_edge = 224;
  int64_t crop_width = 224;
  int64_t crop_height = 224;
  double rescale_factor = 1.0 / 255.0;
  std::array<double, 3> mean = {0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> std = {0.26862954, 0.26130258, 0.27577711};

  // A `preprocessor_config.json`. Errors: DataError naming file and key.
  static ClipImageConfig from_file(const std::filesystem::path& path);
};

// Bicubic with anti-aliasing, to 8 bits, as Pillow does.
data::Image clip_resize(const data::Image& image, const ClipImageConfig& config);

// Shapes: resized picture -> float32 [3, crop_height, crop_width].
at::Tensor clip_pixels(const data::Image& resized, const ClipImageConfig& config);

}  // namespace omnigen::validate
