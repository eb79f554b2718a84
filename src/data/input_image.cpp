#include "data/input_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "util/error.h"

namespace omnigen::data {
namespace {

constexpr int64_t kPatchPixels = 16;

int64_t shorter(PixelSize size) {
  return std::min(size.width, size.height);
}

// Both edges times `factor`; halves round to even, as Python's round does.
PixelSize scaled(PixelSize size, double factor) {
  return {static_cast<int64_t>(std::nearbyint(static_cast<double>(size.width) * factor)),
          static_cast<int64_t>(std::nearbyint(static_cast<double>(size.height) * factor))};
}

}  // namespace

InputImagePlan plan_input_image(PixelSize source, int64_t max_image_size,
                                bool keep_raw_resolution) {
  if (max_image_size <= 0 || max_image_size % kPatchPixels != 0) {
    throw util::ConfigError(fmt::format(
        "max_image_size {} of input images is not a positive multiple of 16", max_image_size));
  }
  const auto limit = static_cast<double>(max_image_size);
  InputImagePlan plan;
  PixelSize size = source;
  const auto resize_to = [&](PixelSize next, ResampleFilter filter) {
    size = next;
    plan.steps.push_back({size, filter});
  };
  while (shorter(size) >= 2 * max_image_size) {
    resize_to({size.width / 2, size.height / 2}, ResampleFilter::kBoxAa);
  }
  if (!keep_raw_resolution) {
    resize_to(scaled(size, limit / static_cast<double>(shorter(size))), ResampleFilter::kBicubicAa);
    plan.crop = {(size.width - max_image_size) / 2, (size.height - max_image_size) / 2,
                 max_image_size, max_image_size};
    return plan;
  }
  if (const int64_t longer = std::max(size.width, size.height); longer > max_image_size) {
    resize_to(scaled(size, limit / static_cast<double>(longer)), ResampleFilter::kBicubicAa);
  }
  if (shorter(size) < kPatchPixels) {
    size = {std::max<int64_t>(size.width, 1), std::max<int64_t>(size.height, 1)};
    resize_to(scaled(size, static_cast<double>(kPatchPixels) / static_cast<double>(shorter(size))),
              ResampleFilter::kBicubicAa);
  }
  const int64_t spare_width = size.width % kPatchPixels;
  const int64_t spare_height = size.height % kPatchPixels;
  plan.crop = {spare_width / 2, spare_height / 2, size.width - spare_width,
               size.height - spare_height};
  return plan;
}

Image apply_input_plan(const Image& image, const InputImagePlan& plan) {
  Image current = image;
  for (const ResizeStep& step : plan.steps) current = resize(current, step.size, step.filter);
  return resize_window(current, {current.width, current.height}, plan.crop, ResampleFilter::kBoxAa);
}

}  // namespace omnigen::data
