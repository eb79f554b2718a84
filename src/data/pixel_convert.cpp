#include "data/pixel_convert.h"

#include <cstring>
#include <utility>

namespace omnigen::data {
namespace {

constexpr int64_t kChannels = 3;
constexpr int kOpaque = 255;

uint8_t to_8_bit(uint8_t value) {
  return value;
}
uint8_t to_8_bit(uint16_t value) {
  return static_cast<uint8_t>((static_cast<uint32_t>(value) + 128) / 257);
}

// a * b / 255, rounded.
int product_255(int a, int b) {
  const int t = a * b + 128;
  return (t + (t >> 8)) >> 8;
}

uint8_t over(int colour, int alpha, int background) {
  return static_cast<uint8_t>((colour * alpha + background * (kOpaque - alpha) + 127) / kOpaque);
}

// Colour of one pixel, before alpha.
template <class Sample>
void colour_of(const Sample* in, int num_colours, int* rgb) {
  if (num_colours == 4) {
    const int without_black = kOpaque - to_8_bit(in[3]);
    for (int c = 0; c < kChannels; ++c) {
      rgb[c] = without_black - product_255(to_8_bit(in[c]), without_black);
    }
    return;
  }
  for (int c = 0; c < kChannels; ++c) rgb[c] = to_8_bit(in[num_colours == 3 ? c : 0]);
}

template <class Sample>
void convert(const RawPixels& pixels, AlphaMode mode, uint8_t* out) {
  const auto* in = static_cast<const Sample*>(pixels.data);
  const int num_colours = pixels.num_colours();
  const bool composite = pixels.has_alpha() && mode != AlphaMode::kDrop;
  const int background = mode == AlphaMode::kBlack ? 0 : kOpaque;
  for (int64_t i = 0; i < pixels.width * pixels.height; ++i) {
    int rgb[kChannels] = {};
    colour_of(in, num_colours, rgb);
    const int alpha = composite ? to_8_bit(in[num_colours]) : kOpaque;
    for (int c = 0; c < kChannels; ++c) out[c] = over(rgb[c], alpha, background);
    in += pixels.num_bands;
    out += kChannels;
  }
}

}  // namespace

Image to_rgb(const RawPixels& pixels, AlphaMode alpha) {
  Image image{pixels.width, pixels.height, {}};
  const auto num_bytes = static_cast<size_t>(pixels.width * pixels.height * kChannels);
  if (!pixels.sixteen_bit && !pixels.cmyk && pixels.num_bands == kChannels) {
    const auto* bytes = static_cast<const uint8_t*>(pixels.data);
    image.pixels.assign(bytes, bytes + num_bytes);
    return image;
  }
  image.pixels.resize(num_bytes);
  if (pixels.sixteen_bit) {
    convert<uint16_t>(pixels, alpha, image.pixels.data());
  } else {
    convert<uint8_t>(pixels, alpha, image.pixels.data());
  }
  return image;
}

PixelSize oriented_size(PixelSize size, int orientation) {
  return orientation >= 5 ? PixelSize{size.height, size.width} : size;
}

Image oriented(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const PixelSize size = oriented_size({image.width, image.height}, orientation);
  const int64_t right = kChannels;
  const int64_t down = image.width * kChannels;
  const int64_t last_x = (image.width - 1) * right;
  const int64_t last_y = (image.height - 1) * down;
  // Where the upright image's first pixel is stored, and the steps to its right and below.
  struct Walk {
    int64_t origin;
    int64_t step_x;
    int64_t step_y;
  };
  const Walk walks[9] = {{},
                         {0, right, down},
                         {last_x, -right, down},
                         {last_x + last_y, -right, -down},
                         {last_y, right, -down},
                         {0, down, right},
                         {last_y, -down, right},
                         {last_x + last_y, -down, -right},
                         {last_x, down, -right}};
  const Walk& walk = walks[orientation];
  Image out{size.width, size.height, std::vector<uint8_t>(image.pixels.size())};
  uint8_t* to = out.pixels.data();
  for (int64_t y = 0; y < size.height; ++y) {
    const uint8_t* from = image.pixels.data() + walk.origin + y * walk.step_y;
    for (int64_t x = 0; x < size.width; ++x, to += kChannels) {
      std::memcpy(to, from + x * walk.step_x, kChannels);
    }
  }
  return out;
}

}  // namespace omnigen::data
