// Decoded samples of any kind -> 8-bit RGB.
#pragma once

#include <cstdint>

#include "data/crop_settings.h"
#include "data/image.h"

namespace omnigen::data {

// What becomes of transparent pixels.
enum class AlphaMode {
  kWhite,  // laid over white
  kBlack,
  kDrop,  // hidden colours become visible, as in SimpleTuner
};

// Shapes: data [height, width, num_bands], uint8 or uint16 (native order).
struct RawPixels {
  int64_t width = 0;
  int64_t height = 0;
  int num_bands = 3;
  bool cmyk = false;  // 4 bands (5 with alpha), 0 = no ink
  bool sixteen_bit = false;
  const void* data = nullptr;

  [[nodiscard]] int num_colours() const { return cmyk ? 4 : num_bands >= 3 ? 3 : 1; }
  [[nodiscard]] bool has_alpha() const { return num_bands > num_colours(); }
};

// 16 bits become 8 by (v + 128) / 257; gray is repeated; CMYK by the plain product, without a
// colour profile; alpha is laid over the background in 8 bits. `pixels` has 1 to 5 bands.
Image to_rgb(const RawPixels& pixels, AlphaMode alpha);

// EXIF orientation 1 to 8: how the stored image must be turned to be upright.
Image oriented(Image image, int orientation);
PixelSize oriented_size(PixelSize size, int orientation);

}  // namespace omnigen::data
