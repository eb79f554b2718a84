#include "data/source_settings.h"

#include <gtest/gtest.h>

#include "support/golden.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

config::DatasetConfig area_set() {
  config::DatasetConfig dataset;
  dataset.id = "p";
  dataset.resolution_type = "area";
  dataset.resolution = 0.25;
  dataset.crop_style = "center";
  return dataset;
}

std::string print(const config::Config& config, const config::DatasetConfig& dataset) {
  return image_fingerprint(source_settings(config, dataset)).sha256;
}

TEST(ImageFingerprint, ChangesWithWhatPixelsDependOn) {
  const config::Config config;
  const std::string base = print(config, area_set());
  std::vector<config::DatasetConfig> sets(4, area_set());
  sets[0].resolution = 0.5;
  sets[1].crop = true;
  sets[2].crop_style = "corner";
  sets[3].maximum_image_size = 1;
  sets[3].target_downsample_size = 0.5;
  for (const config::DatasetConfig& dataset : sets) EXPECT_NE(print(config, dataset), base);
  std::vector<config::Config> configs(6);
  configs[0].data.exif = "ignore";
  configs[1].data.alpha = "drop";
  configs[2].data.resample_filter = "bicubic_aa";
  configs[3].data.size_policy = "documented";
  configs[4].data.aspect_bucket_alignment = 16;
  configs[5].data.truncated_images = "accept";
  for (const config::Config& other : configs) EXPECT_NE(print(other, area_set()), base);
}

TEST(ImageFingerprint, DoesNotChangeWithMembership) {
  const config::Config config;
  config::DatasetConfig dataset = area_set();
  dataset.minimum_image_size = 0.1;
  dataset.maximum_aspect_ratio = 2.0;
  dataset.max_num_samples = 3;
  dataset.repeats = 7;
  EXPECT_EQ(print(config, dataset), print(config, area_set()));
}

TEST(ImageFingerprint, HoldsTheSeedOnlyIfSomethingIsRandom) {
  config::Config config;
  config::Config other;
  other.train.seed = config.train.seed + 1;
  EXPECT_EQ(print(config, area_set()), print(other, area_set()));
  config::DatasetConfig random = area_set();
  random.crop_style = "random";
  EXPECT_NE(print(config, random), print(other, random));
}

TEST(ImageFingerprint, TheMaximumCountsOnlyWhereItIsCompared) {
  config::Config config;
  config::DatasetConfig one = area_set();
  one.maximum_image_size = 1;
  one.target_downsample_size = 0.5;
  config::DatasetConfig two = one;
  two.maximum_image_size = 2;
  EXPECT_EQ(print(config, one), print(config, two));
  config.data.size_policy = "documented";
  EXPECT_NE(print(config, one), print(config, two));
}

TEST(CaptionFilterList, ComesFromTheTextEmbedsEntry) {
  config::DatasetConfig dataset = area_set();
  config::DatasetConfig named;
  named.id = "t";
  named.dataset_type = "text_embeds";
  named.caption_filter_list = {"named"};
  config::DatasetConfig fallback = named;
  fallback.id = "d";
  fallback.is_default = true;
  fallback.caption_filter_list = {"default"};
  EXPECT_EQ(caption_filter_list(dataset, {named, fallback}), std::vector<std::string>{"default"});
  dataset.text_embeds = "t";
  EXPECT_EQ(caption_filter_list(dataset, {named, fallback}), std::vector<std::string>{"named"});
  EXPECT_TRUE(caption_filter_list(dataset, {}).empty());
}

TEST(TextFingerprint, IsOfTheTokenizersFile) {
  const auto folder = tokenizer_folder(test::golden_dir() / "tiny-omnigen");
  EXPECT_EQ(folder.filename(), "tokenizer");
  EXPECT_EQ(text_fingerprint(folder).sha256.size(), 64U);
  test::TempDir dir;
  EXPECT_EQ(tokenizer_folder(dir.path()), dir.path());
  EXPECT_THROW(text_fingerprint(dir.path()), util::DataError);
}

}  // namespace
}  // namespace omnigen::data
