// maximum_image_size and target_downsample_size, by hand from the size rules.
#include <gtest/gtest.h>

#include "data/crop_plan.h"

namespace omnigen::data {
namespace {

CropKeys keys() {
  CropKeys keys;
  keys.resolution = 1024;
  keys.crop = true;
  keys.crop_aspect = "square";
  keys.crop_style = "center";
  return keys;
}

CropPlan plan_of(const CropKeys& keys) {
  return plan_crop(crop_settings("test", keys, {}), {4000, 3000}, {});
}

TEST(CropMaximum, AHugePictureIsReducedBeforeItIsCut) {
  CropKeys with_maximum = keys();
  with_maximum.maximum_image_size = 1536;
  with_maximum.target_downsample_size = 1024;
  const CropPlan reduced = plan_of(with_maximum);
  ASSERT_TRUE(reduced.accepted());
  EXPECT_EQ(reduced.target, (PixelSize{1024, 1024}));
  // 1194x896 is an area of 1024x1024; its height is short of the target by a factor of 1024 / 896.
  EXPECT_EQ(reduced.resized, (PixelSize{1364, 1024}));
  EXPECT_EQ(reduced.crop_left, 170);
  EXPECT_EQ(reduced.crop_top, 0);
}

TEST(CropMaximum, ALargerSizeToReduceToCutsASmallerPart) {
  CropKeys with_maximum = keys();
  with_maximum.maximum_image_size = 3072;
  with_maximum.target_downsample_size = 2048;
  const CropPlan reduced = plan_of(with_maximum);
  EXPECT_EQ(reduced.target, (PixelSize{1024, 1024}));
  EXPECT_GT(reduced.resized.width, 2000);  // half of the picture's width is lost
  EXPECT_EQ(reduced.crop_left, (reduced.resized.width - 1024) / 2);
  EXPECT_EQ(plan_of(keys()).resized, (PixelSize{1365, 1024}));
}

}  // namespace
}  // namespace omnigen::data
