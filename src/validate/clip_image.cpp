#include "validate/clip_image.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/resample.h"
#include "model/json_config.h"

namespace omnigen::validate {
namespace {

constexpr int kBicubic = 3;  // Pillow's number

std::array<double, 3> colours(const model::JsonConfig& json, const char* key,
                              const std::array<double, 3>& otherwise) {
  const auto found = json.numbers(key, {otherwise.begin(), otherwise.end()});
  if (found.size() != otherwise.size()) {
    json.fail(key, fmt::format("has {} numbers, expected 3", found.size()));
  }
  return {found[0], found[1], found[2]};
}

}  // namespace

ClipImageConfig ClipImageConfig::from_file(const std::filesystem::path& path) {
  const model::JsonConfig json(path);
  for (const char* key : {"do_resize", "do_center_crop", "do_rescale", "do_normalize"}) {
    json.require(key, true);
  }
  json.require("resample", kBicubic);
  ClipImageConfig config;
  // Old files have one number where newer ones have an object.
  if (json.is_object("size")) {
    config.shortest_edge = json.object("size").integer("shortest_edge", config.shortest_edge);
  } else {
    config.shortest_edge = json.integer("size", config.shortest_edge);
  }
  if (json.is_object("crop_size")) {
    config.crop_width = json.object("crop_size").integer("width", config.shortest_edge);
    config.crop_height = json.object("crop_size").integer("height", config.shortest_edge);
  } else {
    config.crop_width = config.crop_height = json.integer("crop_size", config.shortest_edge);
  }
  if (std::min(config.crop_width, config.crop_height) < 1 ||
      std::max(config.crop_width, config.crop_height) > config.shortest_edge) {
    json.fail("crop_size",
              fmt::format("is {}x{}, beyond the resized shorter side of {}", config.crop_width,
                          config.crop_height, config.shortest_edge));
  }
  config.rescale_factor = json.number("rescale_factor", config.rescale_factor);
  config.mean = colours(json, "image_mean", config.mean);
  config.std = colours(json, "image_std", config.std);
  return config;
}

data::Image clip_resize(const data::Image& image, const ClipImageConfig& config) {
  const int64_t edge = config.shortest_edge;
  const auto longer = [edge](int64_t long_side, int64_t short_side) {
    return edge * long_side / short_side;  // cut off, not rounded
  };
  const bool wide = image.width > image.height;
  const data::PixelSize size = {wide ? longer(image.width, image.height) : edge,
                                wide ? edge : longer(image.height, image.width)};
  return data::resize_window(
      image, size,
      {(size.width - config.crop_width) / 2, (size.height - config.crop_height) / 2,
       config.crop_width, config.crop_height},
      data::ResampleFilter::kBicubicAa);
}

at::Tensor clip_pixels(const data::Image& resized, const ClipImageConfig& config) {
  const at::Tensor bytes_HWC = at::tensor(at::ArrayRef<uint8_t>(resized.pixels), at::kByte)
                                   .view({resized.height, resized.width, 3});
  const auto per_colour = [](const std::array<double, 3>& values) {
    return at::tensor(at::ArrayRef<double>(values.data(), values.size()), at::kFloat)
        .view({3, 1, 1});
  };
  const at::Tensor scaled = (bytes_HWC.to(at::kDouble) * config.rescale_factor).to(at::kFloat);
  return ((scaled.permute({2, 0, 1}) - per_colour(config.mean)) / per_colour(config.std))
      .contiguous();
}

}  // namespace omnigen::validate
