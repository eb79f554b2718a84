#include "data/crop_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.h"

namespace omnigen::data {
namespace {

using ::testing::HasSubstr;

std::string reason_of(const CropKeys& keys, const CropDefaults& defaults = {}) {
  const CropResolution resolution = resolve_crop_keys(keys, defaults);
  return resolution.problem ? resolution.problem->reason : "";
}

TEST(CropSettings, ConvertsPixelAreaToMegapixels) {
  CropKeys keys;
  keys.resolution = 512;
  keys.minimum_image_size = 1024;
  const CropSettings settings = crop_settings("a", keys, {});
  EXPECT_TRUE(settings.area);
  EXPECT_EQ(settings.resolution, 0.262144);
  EXPECT_EQ(settings.minimum_image_size, 1.048576);
}

TEST(CropSettings, ConvertsAnInheritedSizeFromItsOwnUnit) {
  CropDefaults defaults;
  defaults.resolution_type = "pixel";
  defaults.minimum_image_size = 512;
  CropKeys keys;
  keys.resolution_type = "area";
  keys.resolution = 1.0;
  EXPECT_EQ(crop_settings("a", keys, defaults).minimum_image_size, 0.262144);
  keys.resolution_type = "pixel";
  keys.resolution = 512;
  defaults.resolution_type = "area";
  defaults.minimum_image_size = 0.262144;
  EXPECT_EQ(crop_settings("a", keys, defaults).minimum_image_size, 512);
}

TEST(CropSettings, RefusesMegapixelsThatArePixels) {
  CropKeys keys;
  keys.resolution_type = "area";
  keys.resolution = 1024;
  EXPECT_EQ(reason_of(keys), "megapixels_too_large");
  keys.resolution = 1.0;
  keys.minimum_image_size = 6;
  EXPECT_EQ(reason_of(keys), "minimum_above_5");
}

TEST(CropSettings, NamesTheNearestMultiplesOfAPixelResolution) {
  CropKeys keys;
  keys.resolution_type = "pixel";
  keys.resolution = 1000;
  try {
    crop_settings("photos", keys, {});
    FAIL() << "accepted";
  } catch (const util::ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("photos"));
    EXPECT_THAT(error.what(), HasSubstr("992 and 1008"));
  }
}

TEST(CropSettings, RefusesAlignmentThatLeavesOddLatents) {
  CropDefaults defaults;
  defaults.aspect_bucket_alignment = 24;
  EXPECT_EQ(reason_of({}, defaults), "alignment_not_multiple_of_16");
}

TEST(CropSettings, RefusesUnknownWords) {
  CropKeys type;
  type.resolution_type = "megapixel";
  EXPECT_EQ(reason_of(type), "unknown_resolution_type");
  CropKeys aspect;
  aspect.crop_aspect = "dynamic";
  EXPECT_EQ(reason_of(aspect), "unknown_crop_aspect");
  CropKeys style;
  style.crop_style = "face";
  EXPECT_EQ(reason_of(style), "crop_style_face");
  CropDefaults defaults;
  defaults.size_policy = "both";
  EXPECT_EQ(reason_of({}, defaults), "unknown_size_policy");
}

TEST(CropSettings, RefusesWeightsThatDoNotSumToOne) {
  CropKeys keys;
  keys.crop = true;
  keys.crop_aspect = "random";
  keys.crop_aspect_buckets = {{1.0, 0.5}, {1.5, 0.4}};
  EXPECT_EQ(reason_of(keys), "aspect_weights");
  keys.crop_aspect_buckets = {{1.0, 0.5}, {1.5, std::nullopt}};
  EXPECT_EQ(reason_of(keys), "aspect_weights");
  keys.crop_aspect_buckets = {{1.0, 0.3}, {1.5, 0.3}, {0.5, 0.4}};
  EXPECT_EQ(reason_of(keys), "");
  keys.crop_aspect_buckets = {{-1.0, std::nullopt}};
  EXPECT_EQ(reason_of(keys), "aspect_not_positive");
}

TEST(CropSettings, WarnsOfPixelSizesBelow512) {
  CropKeys keys;
  keys.resolution_type = "pixel";
  keys.resolution = 256;
  keys.maximum_image_size = 300;
  keys.target_downsample_size = 600;
  EXPECT_EQ(resolve_crop_keys(keys, {}).warnings.size(), 1U);
}

}  // namespace
}  // namespace omnigen::data
