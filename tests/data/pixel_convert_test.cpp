#include "data/pixel_convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace omnigen::data {
namespace {

using ::testing::ElementsAre;

TEST(PixelConvert, Rounds16BitsToTheNearest8) {  // data.md 12.1
  const std::array<uint16_t, 4> gray = {65535, 32768, 128, 129};
  const Image image = to_rgb({4, 1, 1, false, true, gray.data()}, AlphaMode::kWhite);
  EXPECT_THAT(image.pixels, ElementsAre(255, 255, 255, 128, 128, 128, 0, 0, 0, 1, 1, 1));
}

TEST(PixelConvert, LaysAlphaOverTheBackground) {
  const std::array<uint8_t, 4> rgba = {200, 100, 0, 51};
  EXPECT_THAT(to_rgb({1, 1, 4, false, false, rgba.data()}, AlphaMode::kWhite).pixels,
              ElementsAre(244, 224, 204));
  EXPECT_THAT(to_rgb({1, 1, 4, false, false, rgba.data()}, AlphaMode::kBlack).pixels,
              ElementsAre(40, 20, 0));
  EXPECT_THAT(to_rgb({1, 1, 4, false, false, rgba.data()}, AlphaMode::kDrop).pixels,
              ElementsAre(200, 100, 0));
}

TEST(PixelConvert, RepeatsGrayWithAlpha) {
  const std::array<uint8_t, 4> gray_alpha = {10, 255, 10, 0};
  EXPECT_THAT(to_rgb({2, 1, 2, false, false, gray_alpha.data()}, AlphaMode::kWhite).pixels,
              ElementsAre(10, 10, 10, 255, 255, 255));
}

TEST(PixelConvert, MultipliesInksWithoutAProfile) {
  const std::array<uint8_t, 8> cmyk = {0, 255, 51, 0, 0, 0, 0, 102};
  EXPECT_THAT(to_rgb({2, 1, 4, true, false, cmyk.data()}, AlphaMode::kWhite).pixels,
              ElementsAre(255, 0, 204, 153, 153, 153));
}

// The stored image is   1 2 3
//                       4 5 6   and each orientation says how to turn it.
TEST(PixelConvert, TurnsEveryOrientationUpright) {
  const std::array<std::vector<int>, 9> expected = {{{},
                                                     {1, 2, 3, 4, 5, 6},
                                                     {3, 2, 1, 6, 5, 4},
                                                     {6, 5, 4, 3, 2, 1},
                                                     {4, 5, 6, 1, 2, 3},
                                                     {1, 4, 2, 5, 3, 6},
                                                     {4, 1, 5, 2, 6, 3},
                                                     {6, 3, 5, 2, 4, 1},
                                                     {3, 6, 2, 5, 1, 4}}};
  Image stored{3, 2, {}};
  for (uint8_t i = 1; i <= 6; ++i) stored.pixels.insert(stored.pixels.end(), {i, 0, 9});
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image upright = oriented(stored, orientation);
    EXPECT_EQ((PixelSize{upright.width, upright.height}), oriented_size({3, 2}, orientation));
    std::vector<int> reds;
    for (size_t i = 0; i < upright.pixels.size(); i += 3) reds.push_back(upright.pixels[i]);
    EXPECT_EQ(reds, expected[static_cast<size_t>(orientation)]) << orientation;
  }
}

}  // namespace
}  // namespace omnigen::data
