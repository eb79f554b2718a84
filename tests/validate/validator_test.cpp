#include "validate/validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "adapter/lycoris_config.h"
#include "comm/single_group.h"
#include "data/image_decode.h"
#include "data/image_encode.h"
#include "data/image_format.h"
#include "io/atomic_file.h"
#include "support/run_ranks.h"
#include "support/temp_dir.h"
#include "util/error.h"
#include "validate/tiny_models.h"

namespace omnigen::validate {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr int64_t kBadToken = 1000;  // beyond the tiny vocabulary

// The models of one rank. The adapter's factors are random, so that it changes every image.
struct Rig {
  std::unique_ptr<model::OmniGenTransformer> transformer = test::tiny_transformer();
  std::unique_ptr<model::Autoencoder> autoencoder = test::tiny_autoencoder();
  adapter::AdapterSet adapters{
      adapter::LycorisConfig::from_json({{"algo", "lokr"},
                                         {"multiplier", 1.0},
                                         {"linear_dim", 10000},
                                         {"linear_alpha", 1},
                                         {"factor", 4},
                                         {"apply_preset", {{"target_module", {"Attention"}}}}},
                                        "test"),
      transformer->module_tree(), 0};

  Rig() { set_factors(0.3); }

  void set_factors(double scale) {
    const at::NoGradGuard no_grad;
    for (const auto& parameter : adapters.parameters()) {
      at::Tensor value = parameter.value;
      value.copy_(scale * initial_noise(9, 0, value.sizes()));
    }
  }
  RenderModels models() { return {*transformer, *autoencoder, &adapters}; }
  // Other factors, and the live ones again.
  EmaSwap ema() {
    return {[this] { set_factors(0.6); }, [this] { set_factors(0.3); }};
  }
};

class ValidatorTest : public ::testing::Test {
 protected:
  ValidatorTest() {
    options_.prompts = {{"unconditional", "", {1, 2}, std::nullopt},
                        {"cat", "A cat", {1, 5, 9}, std::nullopt}};
    options_.negative = {"", "blurry", {1, 7, 7, 3}, std::nullopt};
    options_.resolutions = {{64, 64}, {96, 48}};
    options_.sampler.num_steps = 2;
    options_.seed = 42;
    options_.output_dir = dir_.path();
    options_.base_weights_id = "tiny";
  }

  // Benchmarks, then the images of a step, on `ranks` ranks; the result of rank 0.
  ValidationResult run(int ranks, int64_t step = 5, bool with_ema = false) {
    ValidationResult result;
    test::run_ranks(ranks, [&](comm::ProcessGroup& group) {
      Rig rig;
      Validator validator(options_, group);
      if (benchmark_) validator.render_benchmarks(rig.models());
      auto own = validator.run(step, rig.models(), with_ema ? rig.ema() : EmaSwap{});
      EXPECT_EQ(rig.adapters.multiplier(), 1.0);
      if (group.is_root()) result = std::move(own);
    });
    return result;
  }

  [[nodiscard]] std::vector<std::string> files_in(const std::string& folder) const {
    std::vector<std::string> names;
    if (!fs::exists(dir_ / folder)) return names;
    for (const auto& entry : fs::directory_iterator(dir_ / folder)) {
      if (entry.is_regular_file()) names.push_back(entry.path().filename().string());
    }
    return names;
  }
  [[nodiscard]] std::string bytes_of(const std::string& file) const {
    return io::read_file(dir_ / file);
  }
  [[nodiscard]] data::Image picture(const std::string& file) const {
    return data::decode_image(bytes_of(file), file).image;
  }

  test::TempDir dir_;
  ValidateOptions options_;
  bool benchmark_ = true;
};

TEST_F(ValidatorTest, WritesEveryPictureAndPart) {
  const auto result = run(1);
  EXPECT_EQ(result.num_failed, 0);
  EXPECT_EQ(result.images.size(), 4U);
  EXPECT_THAT(files_in("validation_images"),
              UnorderedElementsAre("step_5_unconditional_0_64x64.png",
                                   "step_5_unconditional_1_96x48.png", "step_5_cat_0_64x64.png",
                                   "step_5_cat_1_96x48.png", "step_5_contact_sheet.png"));
  EXPECT_EQ(files_in("validation_images/unstitched").size(), 4U);
  EXPECT_THAT(files_in("benchmarks/base_model"),
              UnorderedElementsAre("unconditional_64x64.png", "unconditional_96x48.png",
                                   "cat_64x64.png", "cat_96x48.png", "benchmark.json"));
}

TEST_F(ValidatorTest, FilesHaveTheFormatAskedFor) {
  options_.ema = EmaValidation::kComparison;
  for (const auto& [format, ending] : {std::pair{"jpeg", ".jpg"}, {"webp", ".webp"}}) {
    options_.image_format = format;
    const auto result = run(1, 5, true);
    for (const std::string name : {"step_5_cat_1_96x48", "unstitched/step_5_cat_1_96x48",
                                   "unstitched/step_5_cat_1_96x48_ema", "step_5_contact_sheet"}) {
      const std::string bytes = bytes_of("validation_images/" + name + ending);
      EXPECT_EQ(data::image_format_name(data::sniff_format(bytes).value()), format) << name;
    }
    EXPECT_EQ(picture(std::string("validation_images/step_5_cat_1_96x48") + ending).width,
              3 * 96 + 10);
    // Trackers and scores get what was rendered.
    EXPECT_EQ(data::read_png_text(result.images[3].unstitched_png).at("prompt"), "A cat");
  }
}

TEST_F(ValidatorTest, BenchmarksAreListedForScores) {
  comm::SingleGroup group;
  Rig rig;
  Validator validator(options_, group);
  EXPECT_TRUE(validator.benchmark_images().empty());
  validator.render_benchmarks(rig.models());
  const auto images = validator.benchmark_images();
  ASSERT_EQ(images.size(), 4U);
  EXPECT_EQ(images[3].short_name, "cat");
  EXPECT_EQ(images[3].prompt, "A cat");
  EXPECT_EQ(images[3].unstitched_png, bytes_of("benchmarks/base_model/cat_96x48.png"));
}

TEST_F(ValidatorTest, StitchedPictureIsAsWideAsItsParts) {
  run(1, 5, false);
  EXPECT_EQ(picture("validation_images/step_5_cat_1_96x48.png").width, 2 * 96 + 5);
  options_.ema = EmaValidation::kComparison;
  run(1, 6, true);
  EXPECT_EQ(picture("validation_images/step_6_cat_1_96x48.png").width, 3 * 96 + 10);
  EXPECT_EQ(picture("validation_images/unstitched/step_6_cat_1_96x48_ema.png").width, 96);
  benchmark_ = false;
  options_.base_weights_id = "others";
  run(1, 7, false);
  EXPECT_EQ(picture("validation_images/step_7_cat_1_96x48.png").width, 96);
}

TEST_F(ValidatorTest, ResultListsWhatTrackersNeed) {
  const auto result = run(2);
  const ValidationImage& image = result.images.at(3);
  EXPECT_EQ(image.short_name, "cat");
  EXPECT_EQ(image.tag, "cat - 96x48");
  EXPECT_EQ(image.index, 1);
  EXPECT_EQ(image.width, 96);
  EXPECT_EQ(image.height, 48);
  EXPECT_EQ(image.picture_width, 2 * 96 + 5);
  EXPECT_EQ(image.prompt, "A cat");
  EXPECT_EQ(image.png, io::read_file(image.path));
  EXPECT_EQ(image.unstitched_png, bytes_of("validation_images/unstitched/step_5_cat_1_96x48.png"));
}

TEST_F(ValidatorTest, SameBytesAtAnyNumberOfRanks) {
  options_.ema = EmaValidation::kComparison;
  const auto alone = run(1, 5, true);
  for (const int ranks : {2, 4, 7}) {
    const auto shared = run(ranks, 5, true);
    ASSERT_EQ(shared.images.size(), alone.images.size());
    for (size_t i = 0; i < alone.images.size(); ++i) {
      EXPECT_EQ(shared.images[i].path, alone.images[i].path);
      EXPECT_TRUE(shared.images[i].png == alone.images[i].png) << alone.images[i].path;
    }
  }
  options_.single_rank = true;
  const auto single = run(3, 5, true);
  EXPECT_TRUE(single.images.at(3).png == alone.images.at(3).png);
}

TEST_F(ValidatorTest, SeedDecidesTheBytes) {
  const auto first = run(1);
  const auto again = run(1);
  EXPECT_TRUE(first.images[2].unstitched_png == again.images[2].unstitched_png);
  options_.seed = 43;
  const auto other = run(1);
  EXPECT_NE(data::decode_image(first.images[2].unstitched_png, "").image.pixels,
            data::decode_image(other.images[2].unstitched_png, "").image.pixels);
}

TEST_F(ValidatorTest, FurtherImagesOfAPromptDiffer) {
  options_.images_per_prompt = 2;
  const auto result = run(2);
  ASSERT_EQ(result.images.size(), 8U);
  EXPECT_NE(data::decode_image(result.images[4].unstitched_png, "").image.pixels,
            data::decode_image(result.images[5].unstitched_png, "").image.pixels);
  EXPECT_EQ(result.images[5].tag, "cat - 64x64 (1)");
}

TEST_F(ValidatorTest, FilesSayHowTheyWereMade) {
  run(1);
  const auto text = data::read_png_text(bytes_of("validation_images/step_5_cat_0_64x64.png"));
  EXPECT_EQ(text.at("prompt"), "A cat");
  EXPECT_EQ(text.at("seed"), "42");
  EXPECT_EQ(text.at("global_step"), "5");
  EXPECT_EQ(text.at("weights"), "live");
}

TEST_F(ValidatorTest, BenchmarkIsTheUntouchedModel) {
  run(1);
  options_.adapter_strength = 0.0;
  const auto untouched = run(1);
  EXPECT_EQ(data::decode_image(untouched.images[2].unstitched_png, "").image.pixels,
            picture("benchmarks/base_model/cat_64x64.png").pixels);
  options_.adapter_strength = 1.0;
  const auto trained = run(1);
  EXPECT_NE(data::decode_image(trained.images[2].unstitched_png, "").image.pixels,
            picture("benchmarks/base_model/cat_64x64.png").pixels);
}

TEST_F(ValidatorTest, BenchmarksAreRenderedWhereMissingOrChanged) {
  run(1);
  const auto time_of = [&](const std::string& name) {
    return fs::last_write_time(dir_.path() / "benchmarks" / "base_model" / name);
  };
  const auto cat_before = time_of("cat_64x64.png");
  const auto wide_before = time_of("cat_96x48.png");
  fs::remove(dir_.path() / "benchmarks" / "base_model" / "cat_96x48.png");
  options_.prompts[0].text = "changed";
  const auto other_before = time_of("unconditional_64x64.png");
  run(2);
  EXPECT_EQ(time_of("cat_64x64.png"), cat_before);
  EXPECT_GT(time_of("cat_96x48.png"), wide_before);
  EXPECT_GT(time_of("unconditional_64x64.png"), other_before);
}

TEST_F(ValidatorTest, PromptsOwnStrengthCounts) {
  benchmark_ = false;
  options_.prompts[1].adapter_strength = 0.0;
  const auto result = run(1);
  options_.prompts[1].adapter_strength = std::nullopt;
  options_.adapter_strength = 0.0;
  const auto all_untouched = run(1);
  const auto pixels = [](const ValidationImage& image) {
    return data::decode_image(image.unstitched_png, "").image.pixels;
  };
  EXPECT_EQ(pixels(result.images[2]), pixels(all_untouched.images[2]));
  EXPECT_NE(pixels(result.images[0]), pixels(all_untouched.images[0]));
}

TEST_F(ValidatorTest, EmaOnlyRendersTheAverage) {
  const auto live = run(1);
  options_.ema = EmaValidation::kOnly;
  const auto average = run(2, 5, true);
  ASSERT_EQ(average.images.size(), 4U);
  EXPECT_EQ(average.images[2].path, live.images[2].path);
  EXPECT_EQ(average.images[2].picture_width, 2 * 64 + 5);
  EXPECT_EQ(data::read_png_text(average.images[2].png).at("weights"), "EMA");
  EXPECT_NE(data::decode_image(average.images[2].unstitched_png, "").image.pixels,
            data::decode_image(live.images[2].unstitched_png, "").image.pixels);
}

TEST_F(ValidatorTest, EmaIsNotRenderedWithoutAveragesOrWish) {
  options_.ema = EmaValidation::kNone;
  EXPECT_EQ(run(1, 5, true).images[2].picture_width, 2 * 64 + 5);
  options_.ema = EmaValidation::kComparison;
  EXPECT_EQ(run(1, 5, false).images[2].picture_width, 2 * 64 + 5);
}

TEST_F(ValidatorTest, LiveWeightsThatChangedAreAnError) {
  options_.ema = EmaValidation::kComparison;
  comm::SingleGroup group;
  Rig rig;
  Validator validator(options_, group);
  const EmaSwap forgetful = {[&] { rig.set_factors(0.6); }, [] {}};
  try {
    validator.run(5, rig.models(), forgetful);
    FAIL();
  } catch (const util::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("live weights changed"));
  }
}

TEST_F(ValidatorTest, ImageThatFailsIsLeftOut) {
  options_.prompts[0].input_ids = {1, kBadToken};
  options_.ema = EmaValidation::kComparison;
  ::testing::internal::CaptureStderr();
  const auto result = run(2, 5, true);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(result.images.size(), 2U);
  EXPECT_EQ(result.num_failed, 4);
  EXPECT_THAT(log, HasSubstr("image \"unconditional\" 64x64 failed on rank 0"));
  EXPECT_EQ(picture("validation_images/step_5_cat_0_64x64.png").width, 3 * 64 + 10);
}

TEST_F(ValidatorTest, FileThatCannotBeWrittenIsLeftOut) {
  io::write_atomically(dir_ / "validation_images", "a file in the way");
  ::testing::internal::CaptureStderr();
  const auto result = run(1);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("cannot create folder"));
  EXPECT_EQ(result.images.size(), 0U);
  EXPECT_EQ(result.num_failed, 4);
}

TEST_F(ValidatorTest, LogLineCountsAndUnchangedImagesAreNoticed) {
  options_.adapter_strength = 0.0;
  ::testing::internal::CaptureStderr();
  run(1);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("validation at step 5: 2 prompts x 2 resolutions, 4 images in "));
  EXPECT_THAT(log, HasSubstr("validation image equals the base model"));
  options_.adapter_strength = 1.0;
  ::testing::internal::CaptureStderr();
  run(1);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), Not(HasSubstr("equals the base model")));
}

TEST_F(ValidatorTest, PartsAreSavedOnlyIfWished) {
  options_.save_unstitched = false;
  options_.contact_sheet = false;
  run(1);
  EXPECT_TRUE(files_in("validation_images/unstitched").empty());
  EXPECT_EQ(files_in("validation_images").size(), 4U);
}

}  // namespace
}  // namespace omnigen::validate
