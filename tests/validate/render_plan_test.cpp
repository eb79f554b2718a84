#include "validate/render_plan.h"

#include <gtest/gtest.h>

#include <set>

namespace omnigen::validate {
namespace {

ValidateOptions two_by_two() {
  ValidateOptions options;
  options.prompts = {{"unconditional", "", {1}, std::nullopt}, {"cat", "A cat", {1, 5}, 0.25}};
  options.resolutions = {{64, 64}, {96, 64}};
  options.seed = 42;
  return options;
}

TEST(RenderPlan, GoesPromptByPromptResolutionByResolution) {
  ValidateOptions options = two_by_two();
  options.images_per_prompt = 2;
  const auto items = plan_items(options);
  ASSERT_EQ(items.size(), 8U);
  const RenderItem& item = items[7];
  EXPECT_EQ(item.prompt, 1U);
  EXPECT_EQ(item.resolution, (Resolution{96, 64}));
  EXPECT_EQ(item.draw, 1U);
  EXPECT_EQ(item.index, 3);
}

TEST(RenderPlan, NamesCarryTheSizeOfOnePart) {
  ValidateOptions options = two_by_two();
  options.images_per_prompt = 2;
  const auto items = plan_items(options);
  EXPECT_EQ(image_stem(options, items[4], 200), "step_200_cat_0_64x64");
  EXPECT_EQ(image_stem(options, items[7], 200), "step_200_cat_3_96x64");
  EXPECT_EQ(benchmark_stem(options, items[6]), "cat_96x64");
  EXPECT_EQ(benchmark_stem(options, items[7]), "cat_96x64_1");
  EXPECT_EQ(image_tag(options, items[6]), "cat - 96x64");
  EXPECT_EQ(image_tag(options, items[7]), "cat - 96x64 (1)");
}

TEST(RenderPlan, NamesAreFitForFiles) {
  ValidateOptions options = two_by_two();
  options.prompts[1].short_name = "a/b";
  EXPECT_EQ(image_stem(options, plan_items(options)[2], 1), "step_1_a_b_0_64x64");
}

TEST(RenderPlan, EveryImageHasTheSameSeed) {
  const ValidateOptions options = two_by_two();
  for (const RenderItem& item : plan_items(options)) {
    EXPECT_EQ(image_seed(options, item, 1), 42U);
    EXPECT_EQ(image_seed(options, item, 2), 42U);
  }
}

TEST(RenderPlan, APromptsOwnSeedWins) {
  ValidateOptions options = two_by_two();
  options.prompts[1].seed = 7;
  const auto items = plan_items(options);
  for (const bool randomize : {false, true}) {
    options.randomize = randomize;
    EXPECT_EQ(image_seed(options, items[2], 0), 7U);
    EXPECT_EQ(image_seed(options, items[2], 5), 7U);
  }
  options.randomize = false;
  EXPECT_EQ(image_seed(options, items[0], 5), 42U);
}

TEST(RenderPlan, RandomizeDrawsASeedForEveryImageAndStep) {
  ValidateOptions options = two_by_two();
  options.randomize = true;
  std::set<uint64_t> seeds;
  for (const RenderItem& item : plan_items(options)) {
    for (int64_t step = 0; step < 3; ++step) {
      seeds.insert(image_seed(options, item, step));
      EXPECT_EQ(image_seed(options, item, step), image_seed(options, item, step));
    }
  }
  EXPECT_EQ(seeds.size(), 12U);
}

TEST(RenderPlan, StrengthIsThePromptsOwnIfGiven) {
  ValidateOptions options = two_by_two();
  options.adapter_strength = 0.8;
  const auto items = plan_items(options);
  EXPECT_EQ(adapter_strength(options, items[0], WeightsKind::kLive), 0.8);
  EXPECT_EQ(adapter_strength(options, items[2], WeightsKind::kLive), 0.25);
  EXPECT_EQ(adapter_strength(options, items[2], WeightsKind::kEma), 0.25);
  EXPECT_EQ(adapter_strength(options, items[2], WeightsKind::kBase), 0.0);
}

TEST(RenderPlan, DescriptionHoldsWhatReproducesTheImage) {
  ValidateOptions options = two_by_two();
  options.negative.text = "blurry";
  options.sampler.guidance = 2.5;
  const auto text = image_description(options, plan_items(options)[3], WeightsKind::kEma, 200);
  EXPECT_EQ(text.at("prompt"), "A cat");
  EXPECT_EQ(text.at("negative_prompt"), "blurry");
  EXPECT_EQ(text.at("seed"), "42");
  EXPECT_EQ(text.at("guidance"), "2.5");
  EXPECT_EQ(text.at("resolution"), "96x64");
  EXPECT_EQ(text.at("global_step"), "200");
  EXPECT_EQ(text.at("weights"), "EMA");
  EXPECT_EQ(text.at("adapter_strength"), "0.25");
}

}  // namespace
}  // namespace omnigen::validate
