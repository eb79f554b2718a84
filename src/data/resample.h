// Resizing of 8-bit images, and from there to the tensor that the VAE is given.
//
// The anti-aliased filters work as Pillow's do: columns first, then rows (rows first where the
// height shrinks by more than twice what the width does), each pass in double and rounded to 8
// bits. Source: python-pillow/Pillow, src/libImaging/Resample.c; opencv,
// modules/imgproc/src/resize.cpp (the bilinear filter's 11-bit weights).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "data/crop_plan.h"
#include "data/image.h"

namespace omnigen::data {

enum class ResampleFilter {
  kLanczosAa,       // support grows with the reduction, a = 3
  kBicubicAa,       // the same with a = -0.5
  kBilinearOpencv,  // no anti-aliasing; equal to OpenCV's INTER_LINEAR
  kBoxAa,
};

// "lanczos_aa", "bicubic_aa", "bilinear_opencv". Errors: ConfigError for another name.
ResampleFilter resample_filter(std::string_view name);
std::string resample_filter_name(ResampleFilter filter);

// A part of an image.
struct Window {
  int64_t left = 0;
  int64_t top = 0;
  int64_t width = 0;
  int64_t height = 0;
};

// The part `window` of `image` resized to `size`; nothing else of the large image is computed.
Image resize_window(const Image& image, PixelSize size, const Window& window,
                    ResampleFilter filter);
Image resize(const Image& image, PixelSize size, ResampleFilter filter);

// What the plan says: resize, then crop.
Image apply_plan(const Image& image, const CropPlan& plan, ResampleFilter filter);

// Shapes: float32 [3, height, width], (x / 255 - 0.5) / 0.5.
at::Tensor normalise(const Image& image);

}  // namespace omnigen::data
