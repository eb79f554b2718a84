#include "report/pictures.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "report/run_folder.h"

namespace omnigen::report {
namespace {

TEST(Gallery, HasTheUntouchedModelTheLiveWeightsAndTheAverages) {
  const test::RunFolder run;
  ImageStore images(test::RunFolder::thumbnail);
  const Gallery gallery = collect_gallery(read_run(run.path()), &images);
  ASSERT_EQ(gallery.prompts.size(), 1U);
  const PromptImages& prompt = gallery.prompts[0];
  EXPECT_EQ(prompt.name, "cat");
  EXPECT_EQ(prompt.prompt, test::kNastyCaption);
  EXPECT_EQ(prompt.size, "64x64");
  ASSERT_EQ(prompt.shots.size(), 2U);
  EXPECT_EQ(prompt.shots[1].step, 40);
  EXPECT_FALSE(prompt.shots[1].stitched);
  EXPECT_EQ(images.uris().size(), 5U);
  EXPECT_GE(prompt.base, 0);
  EXPECT_NE(images.uris().at(static_cast<size_t>(prompt.shots[0].live)),
            images.uris().at(static_cast<size_t>(prompt.shots[0].average)));
}

TEST(Gallery, WithoutUnstitchedFilesTheStitchedOnesAreShown) {
  const test::RunFolder run;
  run.remove("validation_images/unstitched");
  ImageStore images(test::RunFolder::thumbnail);
  const Gallery gallery = collect_gallery(read_run(run.path()), &images);
  ASSERT_EQ(gallery.prompts.size(), 1U);
  EXPECT_TRUE(gallery.prompts[0].shots[0].stitched);
  EXPECT_EQ(gallery.prompts[0].base, -1) << "it is in the picture already";
}

TEST(Gallery, ManyStepsAreThinnedOutWithBothEnds) {
  const test::RunFolder run;
  for (int step = 50; step <= 50000; step += 50) {
    run.image(fmt::format("validation_images/unstitched/step_{}_cat_0_64x64.png", step));
  }
  ImageStore images(test::RunFolder::thumbnail);
  const Gallery gallery = collect_gallery(read_run(run.path()), &images);
  EXPECT_EQ(gallery.num_steps, 1002U);
  EXPECT_EQ(gallery.num_shown, gallery.prompts[0].shots.size());
  EXPECT_LE(images.uris().size(), 240U);
  EXPECT_EQ(gallery.prompts[0].shots.front().step, 20);
  EXPECT_EQ(gallery.prompts[0].shots.back().step, 50000);
}

TEST(Gallery, SeveralDrawsHaveTheirOwnBenchmarks) {
  const test::RunFolder run;
  run.write("simpletuner_config.json", "{\"num_validation_images\": 2}");
  run.image("benchmarks/base_model/cat_64x64_1.png");
  run.image("validation_images/unstitched/step_20_cat_1_64x64.png");
  ImageStore images(test::RunFolder::thumbnail);
  const Gallery gallery = collect_gallery(read_run(run.path()), &images);
  ASSERT_EQ(gallery.prompts.size(), 2U);
  EXPECT_NE(images.uris().at(static_cast<size_t>(gallery.prompts[0].base)),
            images.uris().at(static_cast<size_t>(gallery.prompts[1].base)));
}

TEST(Gallery, KnowsWhenOnlyAveragesWereRendered) {
  const test::RunFolder run;
  run.write("simpletuner_config.json", "{\"use_ema\": true, \"ema_validation\": \"ema_only\"}");
  ImageStore images(test::RunFolder::thumbnail);
  EXPECT_TRUE(collect_gallery(read_run(run.path()), &images).averages_only);
  EXPECT_FALSE(collect_gallery(read_run(test::RunFolder().path()), &images).averages_only);
}

TEST(Gallery, ARunWithoutImagesHasNone) {
  const test::RunFolder run;
  run.remove("validation_images");
  ImageStore images(test::RunFolder::thumbnail);
  EXPECT_TRUE(collect_gallery(read_run(run.path()), &images).prompts.empty());
}

TEST(ImageStore, CountsWhatCannotBeRead) {
  ImageStore images([](const auto&, const auto&, int64_t) { return std::nullopt; });
  EXPECT_EQ(images.add("a.png", 100), -1);
  EXPECT_EQ(images.num_failed(), 1);
  EXPECT_TRUE(images.uris().empty());
}

}  // namespace
}  // namespace omnigen::report
