#include "train/report_verb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/image_decode.h"
#include "data/image_encode.h"
#include "io/atomic_file.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Left half black, right half white.
std::string two_halves(int64_t width, int64_t height) {
  data::Image image{width, height, {}};
  for (int64_t i = 0; i < width * height; ++i) {
    image.pixels.insert(image.pixels.end(), 3, i % width < width / 2 ? 0 : 255);
  }
  return data::encode_png(image);
}

TEST(MakeThumbnail, IsSmallerInProportion) {
  const test::TempDir dir;
  io::write_atomically(dir / "a.png", two_halves(400, 200));
  const auto thumbnail = make_thumbnail(dir / "a.png", std::nullopt, 100);
  ASSERT_TRUE(thumbnail.has_value());
  EXPECT_EQ(thumbnail->type, "image/webp");
  const auto image = data::decode_image(thumbnail->bytes, "thumbnail").image;
  EXPECT_EQ(image.width, 100);
  EXPECT_EQ(image.height, 50);
  EXPECT_EQ(
      data::decode_image(make_thumbnail(dir / "a.png", std::nullopt, 999)->bytes, "").image.width,
      400);
}

TEST(MakeThumbnail, CutsAsTheTrainerDoes) {
  const test::TempDir dir;
  io::write_atomically(dir / "a.png", two_halves(400, 200));
  const report::Cut right{200, 100, 100, 0, 100, 100};
  const auto image = data::decode_image(make_thumbnail(dir / "a.png", right, 100)->bytes, "").image;
  EXPECT_EQ(image.width, 100);
  EXPECT_EQ(image.height, 100);
  EXPECT_GT(image.pixels[3 * 50], 240);  // white
  const report::Cut outside{200, 100, 150, 0, 100, 100};
  EXPECT_EQ(data::decode_image(make_thumbnail(dir / "a.png", outside, 999)->bytes, "").image.width,
            400);
}

TEST(MakeThumbnail, WhatIsNoImageIsNothing) {
  const test::TempDir dir;
  io::write_atomically(dir / "a.png", "no image");
  EXPECT_FALSE(make_thumbnail(dir / "a.png", std::nullopt, 100).has_value());
  EXPECT_FALSE(make_thumbnail(dir / "missing.png", std::nullopt, 100).has_value());
}

TEST(ReportVerb, WritesThePageWhereItIsAskedTo) {
  const test::TempDir dir;
  io::write_atomically(dir / "run/run_state.json", "{\"state\":\"complete\",\"step\":3}");
  EXPECT_EQ(run_report({(dir / "run").string()}), util::kExitDone);
  EXPECT_TRUE(fs::exists(dir / "run/report.html"));
  EXPECT_EQ(run_report({"--output", (dir / "other.html").string(), (dir / "run").string()}),
            util::kExitDone);
  EXPECT_EQ(io::read_file(dir / "other.html"), io::read_file(dir / "run/report.html"));
}

TEST(ReportVerb, WrongArgumentsAndFoldersAreErrors) {
  const test::TempDir dir;
  EXPECT_THROW(run_report({}), util::ConfigError);
  EXPECT_THROW(run_report({"a", "b"}), util::ConfigError);
  EXPECT_THROW(run_report({"--fast", "a"}), util::ConfigError);
  EXPECT_THROW(run_report({dir.path().string()}), util::DataError);
}

TEST(ReportVerb, AFinishedRunDoesNotFailOverItsPage) {
  EXPECT_NO_THROW(report_finished_run("/no/such/run"));
}

}  // namespace
}  // namespace omnigen::train
