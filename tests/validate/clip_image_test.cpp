#include "validate/clip_image.h"

#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/temp_dir.h"
#include "util/error.h"
#include "validate/tiny_models.h"

namespace omnigen::validate {
namespace {

ClipImageConfig read(const std::string& json) {
  const test::TempDir dir;
  io::write_atomically(dir.path() / "preprocessor_config.json", json);
  return ClipImageConfig::from_file(dir.path() / "preprocessor_config.json");
}

TEST(ClipImageConfig, OldFilesHaveOneNumber) {
  const auto config = read(R"({"size": 336, "crop_size": 336, "resample": 3})");
  EXPECT_EQ(config.shortest_edge, 336);
  EXPECT_EQ(config.crop_width, 336);
  EXPECT_EQ(config.crop_height, 336);
}

TEST(ClipImageConfig, WhatIsNotDoneHereIsRefused) {
  for (const char* json : {R"({"do_center_crop": false})", R"({"resample": 2})",
                           R"({"size": 224, "crop_size": 336})", R"({"image_mean": [0.5]})"}) {
    EXPECT_THROW(read(json), util::DataError) << json;
  }
}

TEST(ClipResize, LongerSideIsCutOffAndTheCentreTaken) {
  ClipImageConfig config;
  config.shortest_edge = config.crop_width = config.crop_height = 28;
  data::Image image = test::solid_image(84, 28, 0);
  for (int64_t y = 0; y < 28; ++y) {
    for (int64_t i = 28 * 3; i < 56 * 3; ++i) image.pixels[static_cast<size_t>(y * 252 + i)] = 200;
  }
  EXPECT_EQ(clip_resize(image, config).pixels, test::solid_image(28, 28, 200).pixels);
}

}  // namespace
}  // namespace omnigen::validate
