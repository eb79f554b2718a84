#include "data/resample.h"

#include <gtest/gtest.h>

#include <cmath>

#include "data/test_images.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

using test::gradient_image;
using test::noise_image;

constexpr ResampleFilter kAllFilters[] = {ResampleFilter::kLanczosAa, ResampleFilter::kBicubicAa,
                                          ResampleFilter::kBilinearOpencv, ResampleFilter::kBoxAa};

TEST(Resample, KeepsAFlatImageFlat) {
  Image flat = noise_image(37, 23);
  std::fill(flat.pixels.begin(), flat.pixels.end(), uint8_t{129});
  for (const ResampleFilter filter : kAllFilters) {
    for (const PixelSize size : {PixelSize{5, 7}, PixelSize{100, 90}, PixelSize{1, 1}}) {
      const Image resized = resize(flat, size, filter);
      for (const uint8_t value : resized.pixels) ASSERT_EQ(value, 129);
    }
  }
}

TEST(Resample, LeavesAnImageOfTheRightSizeAlone) {
  const Image image = noise_image(31, 17);
  for (const ResampleFilter filter : kAllFilters) {
    EXPECT_EQ(resize(image, {31, 17}, filter).pixels, image.pixels);
  }
}

TEST(Resample, AWindowIsThatPartOfTheWhole) {
  const Image image = noise_image(83, 61);
  const PixelSize size = {47, 90};
  const Window window = {11, 25, 20, 33};
  for (const ResampleFilter filter : kAllFilters) {
    const Image whole = resize(image, size, filter);
    const Image part = resize_window(image, size, window, filter);
    for (int64_t y = 0; y < window.height; ++y) {
      for (int64_t i = 0; i < window.width * 3; ++i) {
        const int64_t from = ((window.top + y) * size.width + window.left) * 3 + i;
        ASSERT_EQ(part.pixels[static_cast<size_t>(y * window.width * 3 + i)],
                  whole.pixels[static_cast<size_t>(from)]);
      }
    }
  }
}

// The first pass rounds to 8 bits, so the order shows.
TEST(Resample, TakesTheAxesInPillowsOrder) {
  const auto lanczos = ResampleFilter::kLanczosAa;
  const Image wide = noise_image(90, 60);
  EXPECT_EQ(resize(wide, {40, 30}, lanczos).pixels,
            resize(resize(wide, {40, 60}, lanczos), {40, 30}, lanczos).pixels);
  const Image tall = noise_image(40, 90);
  EXPECT_EQ(resize(tall, {30, 50}, lanczos).pixels,
            resize(resize(tall, {40, 50}, lanczos), {30, 50}, lanczos).pixels);
}

TEST(Resample, AveragesWholeBlocksWithTheBoxFilter) {
  const Image image = noise_image(8, 6);
  const Image half = resize(image, {4, 6}, ResampleFilter::kBoxAa);
  for (size_t i = 0; i < 4; ++i) {
    const int sum = image.pixels[i * 6] + image.pixels[i * 6 + 3];
    EXPECT_EQ(half.pixels[i * 3], (sum + 1) / 2);
  }
}

TEST(Resample, KeepsTheDirectionOfAGradient) {
  const Image resized = resize(gradient_image(200, 100), {50, 60}, ResampleFilter::kLanczosAa);
  for (int64_t x = 1; x < 50; ++x)
    EXPECT_GT(resized.pixels[static_cast<size_t>(x * 3)],
              resized.pixels[static_cast<size_t>(x * 3 - 3)]);
  for (int64_t y = 1; y < 60; ++y)
    EXPECT_GT(resized.pixels[static_cast<size_t>(y * 150 + 1)],
              resized.pixels[static_cast<size_t>(y * 150 - 149)]);
}

TEST(Resample, RefusesAWindowOutsideTheImage) {
  EXPECT_THROW(resize_window(noise_image(8, 8), {4, 4}, {1, 1, 4, 4}, ResampleFilter::kBoxAa),
               c10::Error);
}

TEST(Resample, AppliesResizeThenCrop) {
  CropPlan plan;
  plan.resized = {40, 30};
  plan.target = {16, 32 - 16};
  plan.crop_left = 7;
  plan.crop_top = 3;
  const Image image = noise_image(80, 60);
  EXPECT_EQ(apply_plan(image, plan, ResampleFilter::kLanczosAa).pixels,
            resize_window(image, {40, 30}, {7, 3, 16, 16}, ResampleFilter::kLanczosAa).pixels);
}

TEST(Resample, NormalisesToPlanesBetweenMinusOneAndOne) {
  const at::Tensor tensor = normalise({2, 1, {0, 255, 51, 204, 102, 153}});
  EXPECT_EQ(tensor.sizes(), (std::vector<int64_t>{3, 1, 2}));
  EXPECT_EQ(tensor[0][0][0].item<float>(), -1.0F);
  EXPECT_EQ(tensor[1][0][0].item<float>(), 1.0F);
  EXPECT_FLOAT_EQ(tensor[0][0][1].item<float>(), 0.6F);
}

TEST(Resample, NamesItsFilters) {
  EXPECT_EQ(resample_filter("bicubic_aa"), ResampleFilter::kBicubicAa);
  EXPECT_THROW(resample_filter("lanczos"), util::ConfigError);
}

}  // namespace
}  // namespace omnigen::data
