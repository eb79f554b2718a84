#include "validate/image_grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "validate/tiny_models.h"

namespace omnigen::validate {
namespace {

using test::pixel;
using test::solid_image;

TEST(ImageGrid, JoinedPictureIsPartsAndSeparator) {
  const data::Image joined = join(solid_image(64, 32, 10), solid_image(64, 32, 20));
  EXPECT_EQ(joined.width, 2 * 64 + 5);
  EXPECT_EQ(joined.height, 32);
  EXPECT_EQ(pixel(joined, 63, 0), 10);
  for (int64_t x = 64; x < 69; ++x) EXPECT_EQ(pixel(joined, x, 31), 200);
  EXPECT_EQ(pixel(joined, 69, 31), 20);
}

TEST(ImageGrid, LowerPartIsCentredOnWhite) {
  const data::Image joined = join(solid_image(8, 4, 10), solid_image(8, 10, 20));
  EXPECT_EQ(pixel(joined, 0, 2), 255);
  EXPECT_EQ(pixel(joined, 0, 3), 10);
  EXPECT_EQ(pixel(joined, 0, 6), 10);
  EXPECT_EQ(pixel(joined, 0, 7), 255);
  EXPECT_EQ(pixel(joined, 8, 0), 200);
}

TEST(ImageGrid, StitchedWidthsAreThoseOfTheParts) {
  const data::Image part = solid_image(256, 128, 90);
  EXPECT_EQ(stitch({{}, part, "step 5", {}}, "A cat").width, 256);
  EXPECT_EQ(stitch({part, part, "step 5", {}}, "A cat").width, 2 * 256 + 5);
  EXPECT_EQ(stitch({part, part, "step 5", part}, "A cat").width, 3 * 256 + 10);
}

bool touched(const data::Image& image, int64_t x0, int64_t y0, int64_t x1, int64_t y1) {
  for (int64_t y = y0; y < y1; ++y) {
    for (int64_t x = x0; x < x1; ++x) {
      if (pixel(image, x, y) != 90) return true;
    }
  }
  return false;
}

TEST(ImageGrid, EveryPartHasItsLabelAndThePictureItsPrompt) {
  const data::Image part = solid_image(256, 256, 90);
  const data::Image picture = stitch({part, part, "step 5", part}, "A cat");
  EXPECT_TRUE(touched(picture, 8, 8, 120, 30));
  EXPECT_TRUE(touched(picture, 261 + 8, 8, 261 + 120, 30));
  EXPECT_TRUE(touched(picture, 522 + 8, 8, 522 + 120, 30));
  EXPECT_TRUE(touched(picture, 150, 225, 360, 250));
  EXPECT_FALSE(touched(picture, 522, 40, 778, 256));  // the prompt stays off the EMA image
  EXPECT_FALSE(touched(picture, 0, 100, 256, 200));
}

TEST(ImageGrid, CheckpointAloneHasThePromptOnly) {
  const data::Image picture = stitch({{}, solid_image(256, 256, 90), "step 5", {}}, "A cat");
  EXPECT_FALSE(touched(picture, 0, 0, 256, 128));
  EXPECT_TRUE(touched(picture, 0, 200, 256, 256));
}

TEST(ImageGrid, LongPromptStaysInTheLowerThird) {
  const data::Image picture =
      stitch({{}, solid_image(256, 256, 90), "step 5", {}}, std::string(3000, 'w'));
  EXPECT_FALSE(touched(picture, 0, 0, 256, 160));
}

TEST(ImageGrid, TinyPicturesAreFine) {
  EXPECT_EQ(stitch({solid_image(16, 16, 1), solid_image(16, 16, 2), "step 1", {}}, "A cat").width,
            37);
}

TEST(Shrink, AveragesAreas) {
  data::Image image = solid_image(4, 2, 0);
  for (int64_t x = 0; x < 4; ++x) {
    for (int64_t y = 0; y < 2; ++y) image.pixels[(y * 4 + x) * 3] = static_cast<uint8_t>(x * 40);
  }
  const data::Image half = shrink(image, 2, 1);
  EXPECT_EQ(pixel(half, 0, 0), 20);
  EXPECT_EQ(pixel(half, 1, 0), 100);
  const data::Image third = shrink(image, 3, 2);  // areas of 1⅓ pixels
  EXPECT_EQ(pixel(third, 0, 0), 10);
  EXPECT_EQ(pixel(third, 1, 1), 60);
  EXPECT_EQ(pixel(third, 2, 0), 110);
}

TEST(Shrink, SameSizeIsTheSameImage) {
  const data::Image image = solid_image(5, 7, 33);
  EXPECT_EQ(shrink(image, 5, 7).pixels, image.pixels);
  EXPECT_THROW(shrink(image, 6, 7), c10::Error);
}

TEST(ContactSheet, HoldsEveryImageInItsCell) {
  const std::vector<SheetRow> rows = {
      {"cat", {solid_image(128, 128, 10), solid_image(64, 128, 20)}},
      {"dog", {solid_image(128, 128, 30), {}}}};
  const data::Image sheet = contact_sheet("validation at step 5", {"128x128", "64x128"}, rows, 64);
  std::map<int, int64_t> area;
  for (int64_t y = 0; y < sheet.height; ++y) {
    for (int64_t x = 0; x < sheet.width; ++x) {
      if (pixel(sheet, x, y) <= 30) ++area[pixel(sheet, x, y)];
    }
  }
  EXPECT_EQ(area, (std::map<int, int64_t>{{10, 64 * 64}, {20, 32 * 64}, {30, 64 * 64}}));
}

}  // namespace
}  // namespace omnigen::validate
