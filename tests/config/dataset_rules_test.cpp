#include "config/dataset_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_folder.h"
#include "config/dataset_entry.h"

namespace omnigen::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Read {
  DatasetConfig dataset;
  std::string errors;
  std::string warnings;
  std::string not_acting;
};

Read read(Json entry, const Config& globals = {}) {
  if (!entry.contains("id")) entry["id"] = "cats";
  Messages messages;
  Read result;
  result.dataset = read_dataset(entry, globals, &messages);
  result.warnings = joined(messages.warnings());
  result.not_acting = joined(messages.not_acting_lines());
  try {
    messages.throw_errors();
  } catch (const util::ConfigError& error) {
    result.errors = error.what();
  }
  return result;
}

TEST(DatasetRules, PixelAreaBecomesMegapixels) {
  const Read result = read({{"resolution", 512}, {"minimum_image_size", 256}});
  EXPECT_EQ(result.dataset.resolution, 0.262144);
  EXPECT_EQ(result.dataset.minimum_image_size, 0.065536);
  EXPECT_EQ(result.dataset.resolution_type, "area");
}

TEST(DatasetRules, InheritedSizesKeepTheirUnit) {
  Config globals;
  globals.data.resolution = 768;
  globals.data.minimum_image_size = 512;
  EXPECT_EQ(read({{"resolution_type", "area"}}, globals).dataset.resolution, 0.589824);
  EXPECT_EQ(read({{"resolution_type", "pixel"}}, globals).dataset.resolution, 768);
  globals.data.resolution_type = "area";
  globals.data.resolution = 1.048576;
  globals.data.minimum_image_size = std::nullopt;
  EXPECT_EQ(read({{"resolution_type", "pixel"}}, globals).dataset.resolution, 1024);
}

TEST(DatasetRules, ShortEdgeIsAMultipleOfThePatch) {
  EXPECT_THAT(read({{"resolution_type", "pixel"}, {"resolution", 1000}}).errors,
              HasSubstr("1000 is no multiple of 16. Write 992 or 1008"));
}

TEST(DatasetRules, MegapixelsThatArePixels) {
  EXPECT_THAT(read({{"resolution_type", "area"}, {"resolution", 1024}}).errors,
              HasSubstr("1024 means 1024 MP"));
  EXPECT_THAT(
      read({{"resolution_type", "area"}, {"resolution", 1.0}, {"minimum_image_size", 512}}).errors,
      HasSubstr("[E13]"));
}

TEST(DatasetRules, MaximumNeedsDownsample) {
  EXPECT_THAT(read({{"maximum_image_size", 1024}}).errors,
              AllOf(HasSubstr("dataset \"cats\": maximum_image_size"), HasSubstr("[C12]")));
}

TEST(DatasetRules, FractionsOfPixelsAreRefused) {
  EXPECT_THAT(read({{"resolution", 512.5}}).errors,
              HasSubstr("512.5 is no whole number of pixels"));
  EXPECT_EQ(read({{"resolution", "512"}}).dataset.resolution, 0.262144);
}

TEST(DatasetRules, WeightedAspectsHaveTheSumOne) {
  const auto buckets = [](double weight) {
    return Json::array({{{"aspect", 1.0}, {"weight", 0.5}}, {{"aspect", 1.5}, {"weight", weight}}});
  };
  EXPECT_EQ(read({{"crop", true}, {"crop_aspect", "random"}, {"crop_aspect_buckets", buckets(0.5)}})
                .errors,
            "");
  EXPECT_THAT(
      read({{"crop", true}, {"crop_aspect", "random"}, {"crop_aspect_buckets", buckets(0.25)}})
          .errors,
      HasSubstr("the weights have the sum 0.75; it must be 1"));
  EXPECT_THAT(
      read({{"crop", true}, {"crop_aspect", "closest"}, {"crop_aspect_buckets", buckets(0.5)}})
          .errors,
      HasSubstr("takes numbers, no weights"));
  EXPECT_THAT(
      read({{"crop_aspect", "random"},
            {"crop_aspect_buckets", Json::array({1.0, {{"aspect", 1.0}, {"weight", 1.0}}})}})
          .errors,
      HasSubstr("mixes numbers and objects"));
}

TEST(DatasetRules, CropStyles) {
  EXPECT_EQ(read({{"crop_style", "centre"}}).dataset.crop_style, "center");
  EXPECT_THAT(read({{"crop_style", "face"}}).errors, HasSubstr("\"face\" is not available yet"));
}

TEST(DatasetRules, InstancePromptIsNeeded_M37) {
  EXPECT_THAT(read({{"caption_strategy", "instanceprompt"}}).errors,
              HasSubstr("caption_strategy instanceprompt needs instance_prompt [M37]"));
  EXPECT_THAT(read({{"prepend_instance_prompt", true}}).errors,
              HasSubstr("needs instance_prompt [E27]"));
  EXPECT_THAT(read({{"only_instance_prompt", true}}).errors,
              HasSubstr("needs instance_prompt [E27]"));
  Config globals;
  globals.data.instance_prompt = "sks dog";
  EXPECT_THAT(read({{"caption_strategy", "instance_prompt"}}, globals).dataset.instance_prompt,
              ElementsAre("sks dog"));
  EXPECT_THAT(read({{"instance_prompt", {"a", "b"}}}).dataset.instance_prompt,
              ElementsAre("a", "b"));
}

TEST(DatasetRules, ExamplePromptIsAWarning_M38) {
  EXPECT_THAT(read({{"instance_prompt", "the name of your subject goes here"}}).warnings,
              HasSubstr("instance_prompt is still the example text"));
}

TEST(DatasetRules, FilterListFromAFile) {
  const ConfigFolder folder;
  ConfigFolder::write("filter.txt", "low quality\n\n s/a/b \n");
  ConfigFolder::write("filter.json", "[\"x\"]");
  const auto list = [](const char* path) {
    return read({{"dataset_type", "text_embeds"}, {"caption_filter_list", path}})
        .dataset.caption_filter_list;
  };
  EXPECT_THAT(list("filter.txt"), ElementsAre("low quality", "s/a/b"));
  EXPECT_THAT(list("filter.json"), ElementsAre("x"));
  EXPECT_THAT(
      read({{"dataset_type", "text_embeds"}, {"caption_filter_list", "nowhere.txt"}}).errors,
      HasSubstr("nowhere.txt cannot be read"));
}

TEST(DatasetRules, ShuffleMembersAreChecked) {
  const auto shuffle = [](const Json& members) {
    return read({{"caption_shuffle", members}}).errors;
  };
  EXPECT_EQ(shuffle({{"enable", true}, {"count", "2"}, {"split_on", "period"}}), "");
  EXPECT_THAT(shuffle({{"count", 0}}), HasSubstr("count: 0 must be at least 1"));
  EXPECT_THAT(shuffle({{"split_on", "semicolon"}}), HasSubstr("not one of comma, space, period"));
  EXPECT_THAT(shuffle({{"counts", 1}}), HasSubstr("counts: unknown"));
  EXPECT_THAT(shuffle("yes"), HasSubstr("is not an object"));
}

TEST(DatasetRules, EndIsNotBeforeTheStart_E45) {
  EXPECT_THAT(read({{"start_step", 9}, {"end_step", 3}}).errors,
              HasSubstr("3 is before the start, 9"));
  EXPECT_FALSE(read({{"end_step", "never"}}).dataset.end_step);
  EXPECT_FALSE(read({{"end_epoch", -1}}).dataset.end_epoch);
}

TEST(DatasetRules, IdNamesFiles_E43) {
  EXPECT_THAT(read({{"id", "a/b"}}).errors, HasSubstr("[E43]"));
  EXPECT_THAT(read({{"id", ".."}}).errors, HasSubstr("[E43]"));
  EXPECT_EQ(read({{"id", "My.cats_2-b"}}).errors, "");
}

TEST(DatasetRules, EvalDrawsOneSample) {
  EXPECT_EQ(read({{"dataset_type", "eval"}, {"train_batch_size", 4}}).dataset.train_batch_size, 1);
}

TEST(DatasetRules, RegularisationNeedsAnAdapter_E46) {
  Config globals;
  globals.model.model_type = "full";
  EXPECT_THAT(read({{"is_regularization_data", true}}, globals).errors, HasSubstr("[E46]"));
  EXPECT_TRUE(read({{"is_regularization_data", "true"}}).dataset.is_regularisation_data);
}

TEST(DatasetRules, WhatDoesNotActIsTold) {
  Config globals;
  globals.train.train_batch_size = 1;
  EXPECT_THAT(read({{"probability", 0.5}}, globals).not_acting, HasSubstr("probability"));
  EXPECT_THAT(read({{"slider_strength", 2}}, globals).not_acting, HasSubstr("slider_strength"));
  EXPECT_THAT(read({{"train_batch_size", 3}}, globals).not_acting, HasSubstr("train_batch_size"));
  EXPECT_THAT(read({{"end_epoch", 3}}, globals).not_acting, HasSubstr("windows"));
  EXPECT_THAT(read({{"conditioning_type", "reference_strict"}}, globals).not_acting,
              HasSubstr("edit data"));
  EXPECT_THAT(read({{"conditioning_type", "mask"}}, globals).not_acting, IsEmpty());
  EXPECT_THAT(read({{"probability", 0}, {"end_epoch", 3}}, globals).not_acting, IsEmpty());
  EXPECT_THAT(read(Json::object(), globals).not_acting, IsEmpty());
}

TEST(DatasetEntry, OtherKindsOfDataAreRefused_E04) {
  const Json refused = {{"video", {{"num_frames", 4}}}, {"csv_file", "x.csv"},
                        {"aws_bucket_name", "x"},       {"conditioning", {{"type", "canny"}}},
                        {"disable_vae_cache", false},   {"delete_unwanted_images", true}};
  for (const auto& [key, value] : refused.items()) {
    EXPECT_THAT(read({{key, value}}).errors, AllOf(HasSubstr(key), HasSubstr("[E04]"))) << key;
  }
  EXPECT_THAT(read({{"type", "aws"}}).errors, HasSubstr("\"aws\" is not one of local"));
}

TEST(DatasetEntry, KeysWithoutEffectAreOneWarning) {
  EXPECT_EQ(
      read({{"read_batch_size", 5}, {"cache_file_suffix", "x"}, {"hash_filenames", true}}).warnings,
      "config warning: accepted but without effect here: dataset \"cats\": read_batch_size, "
      "dataset "
      "\"cats\": cache_file_suffix\n");
}

TEST(DatasetEntry, UnknownKeyMayBeAWarning_E03) {
  Config globals;
  globals.data.strict_dataset_keys = false;
  const Read result = read({{"resolutoin", 5}}, globals);
  EXPECT_EQ(result.errors, "");
  EXPECT_THAT(result.warnings, HasSubstr("did you mean \"resolution\"?"));
}

TEST(DatasetEntry, TwoSpellingsOfAKeyAreAnError) {
  EXPECT_THAT(read({{"instance_data_dir", "a"}, {"instance_data_root", "b"}}).errors,
              HasSubstr("given twice, also as \"instance_data_root\""));
}

TEST(DatasetEntry, PlaceholdersAreFilledAtAnyDepth) {
  Config globals;
  globals.train.output_dir = "out";
  const Json entry = {{"id", "cats"},
                      {"a", {{"b", Json::array({"{id}/{output_dir}/{env:A}{x}"})}}}};
  const Json filled =
      fill_placeholders(entry, globals, [](const char*) -> const char* { return "v"; });
  EXPECT_EQ(filled["a"]["b"][0], "cats/out/v{x}");
}

}  // namespace
}  // namespace omnigen::config
