#include "data/crop_plan.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "util/seed_stream.h"

namespace omnigen::data {
namespace {

CropPlan plan(const CropKeys& keys, PixelSize source, const CropDraw& draw = {},
              const CropDefaults& defaults = {}) {
  return plan_crop(crop_settings("test", keys, defaults), source, draw);
}

CropKeys random_square() {
  CropKeys keys;
  keys.resolution = 512;
  keys.crop = true;
  return keys;
}

TEST(CropPlan, RoundsAspectsAsPrintfDoes) {
  EXPECT_EQ(rounded_aspect(1600, 1000, 2), 1.6);
  EXPECT_EQ(rounded_aspect(125, 1000, 2), 0.12);  // an exact tie goes to even
  EXPECT_EQ(aspect_text(16), "16.0");
  EXPECT_EQ(aspect_text(0.78), "0.78");
}

TEST(CropPlan, DrawsTheSameOffsetForTheSameImageAndEpoch) {
  const PixelSize source = {1600, 1000};
  const CropDraw draw{.seed = 1, .dataset_id = "a", .path = "x.png", .epoch = 3};
  const CropPlan first = plan(random_square(), source, draw);
  const CropPlan again = plan(random_square(), source, draw);
  EXPECT_EQ(first.crop_left, again.crop_left);
}

TEST(CropPlan, DrawsEveryOffsetOverTheEpochs) {
  std::set<int64_t> seen;
  for (uint64_t epoch = 0; epoch < 400; ++epoch) {
    const CropPlan drawn =
        plan(random_square(), {520, 512}, {.seed = 1, .path = "x.png", .epoch = epoch});
    EXPECT_EQ(drawn.crop_top, 0);
    seen.insert(drawn.crop_left);
  }
  EXPECT_EQ(seen, (std::set<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(CropPlan, OffsetsDependOnSeedDataSetAndPath) {
  const PixelSize source = {4000, 1000};
  std::set<int64_t> lefts;
  for (const CropDraw& draw : std::vector<CropDraw>{{.seed = 1, .dataset_id = "a", .path = "x"},
                                                    {.seed = 2, .dataset_id = "a", .path = "x"},
                                                    {.seed = 1, .dataset_id = "b", .path = "x"},
                                                    {.seed = 1, .dataset_id = "a", .path = "y"}}) {
    lefts.insert(plan(random_square(), source, draw).crop_left);
  }
  EXPECT_EQ(lefts.size(), 4U);
}

TEST(CropPlan, DrawsAspectsInProportionToTheirWeights) {
  CropKeys keys = random_square();
  keys.crop_aspect = "random";
  keys.crop_aspect_buckets = {{0.5, 0.25}, {1.0, 0.75}};
  std::map<std::string, int> counts;
  for (uint64_t epoch = 0; epoch < 2000; ++epoch) {
    ++counts[plan(keys, {900, 700}, {.seed = 5, .path = "x", .epoch = epoch}).bucket];
  }
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_NEAR(counts["1.0"] / 2000.0, 0.75, 0.04);
}

TEST(CropPlan, LimitsEnlargementToTheAspectsThatAllowIt) {
  CropKeys keys = random_square();
  keys.crop_aspect = "closest";
  keys.crop_aspect_buckets = {{2.0, {}}, {1.0, {}}};
  keys.max_upscale_threshold = 0.1;
  EXPECT_EQ(plan(keys, {1000, 520}).bucket, "1.83");
  EXPECT_EQ(plan(keys, {600, 520}).bucket, "1.0");  // 2.0 would enlarge the width too far
  EXPECT_EQ(plan(keys, {300, 300}).rejection, "upscale_limit");
}

TEST(CropPlan, LimitsEnlargementOfOtherModesOnlyWhenAsked) {
  CropKeys keys = random_square();
  keys.max_upscale_threshold = 0.1;
  EXPECT_TRUE(plan(keys, {300, 300}).accepted());
  CropDefaults defaults;
  defaults.upscale_limit_always = true;
  EXPECT_EQ(plan(keys, {300, 300}, {}, defaults).rejection, "upscale_limit");
}

TEST(CropPlan, TakesTargetsFromAnAspectResolutionMap) {
  CropKeys keys;
  CropSettings settings = crop_settings("test", keys, {});
  settings.aspect_resolution_map["1.75"] = {1408, 768};
  const CropPlan planned = plan_crop(settings, {1920, 1080}, {});
  EXPECT_EQ(planned.target, (PixelSize{1408, 768}));
  EXPECT_GE(planned.spare_width(), 0);
  EXPECT_GE(planned.spare_height(), 0);
}

TEST(CropPlan, LeavesOutEdgesBelowTheSmallestSourceEdge) {
  CropDefaults defaults;
  defaults.min_source_edge = 64;
  EXPECT_EQ(plan({}, {1000, 63}, {}, defaults).rejection, "too_small");
  EXPECT_TRUE(plan({}, {1000, 64}, {}, defaults).accepted());
  EXPECT_TRUE(is_tiny({63, 63}));
  EXPECT_FALSE(is_tiny({63, 64}));
}

// data.md 12.1: whatever the settings, the resized image covers the target, which has latents of
// whole patches.
TEST(CropPlan, ResizedImageAlwaysCoversTheTarget) {
  util::SeedStream stream(11, "crop plan test", {});
  const std::vector<std::string> types = {"pixel", "area", "pixel_area"};
  const std::vector<std::string> aspects = {"square", "preserve", "closest", "random"};
  for (int trial = 0; trial < 20'000; ++trial) {
    CropKeys keys;
    keys.resolution_type = types[stream.below(3)];
    const bool area = keys.resolution_type == "area";
    const auto size = [&] {
      const double edge = 16.0 * static_cast<double>(4 + stream.below(100));
      return area ? edge * edge * 1.03e-6 : edge;
    };
    keys.resolution = size();
    keys.crop = stream.below(3) > 0;
    keys.crop_aspect = aspects[stream.below(4)];
    keys.crop_aspect_buckets = {{0.5, {}}, {1, {}}, {1.78, {}}};
    if (stream.below(2) == 0) {
      keys.maximum_image_size = size();
      keys.target_downsample_size = size();
    }
    CropDefaults defaults;
    defaults.aspect_bucket_alignment = 16 << stream.below(3);
    defaults.size_policy = stream.below(2) == 0 ? "st" : "documented";
    const PixelSize source = {static_cast<int64_t>(30 + stream.below(3000)),
                              static_cast<int64_t>(30 + stream.below(3000))};
    const CropPlan planned = plan(keys, source, {.seed = stream.next_u64()}, defaults);
    if (!planned.accepted()) continue;
    ASSERT_GE(planned.spare_width(), 0) << trial;
    ASSERT_GE(planned.spare_height(), 0) << trial;
    ASSERT_EQ(planned.target.width % 16, 0) << trial;
    ASSERT_EQ(planned.target.height % 16, 0) << trial;
    ASSERT_LE(planned.crop_left, planned.spare_width()) << trial;
    ASSERT_LE(planned.crop_top, planned.spare_height()) << trial;
  }
}

}  // namespace
}  // namespace omnigen::data
