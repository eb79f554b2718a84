#include "train/trackers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/temp_dir.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class TrackersTest : public ::testing::Test {
 protected:
  TrackersTest() {
    loaded_.config.train.output_dir = dir_.path().string();
    loaded_.resolved = {
        {"seed", 42}, {"learning_rate", 4e-5}, {"use_ema", true}, {"optimizer", "adamw_bf16"}};
  }
  Trackers make(const std::string& report_to, const std::string& wandb_mode = "") {
    loaded_.config.log.report_to = report_to;
    return make_trackers(loaded_, {"", wandb_mode});
  }
  // All that is in the one event file.
  [[nodiscard]] std::string events() const {
    for (const auto& entry : fs::directory_iterator(dir_ / "logs/simpletuner")) {
      if (entry.is_regular_file()) return io::read_file(entry.path());
    }
    return "";
  }

  test::TempDir dir_;
  config::LoadResult loaded_;
};

TEST_F(TrackersTest, ListNamesThem) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(make("none").size(), 0U);
  EXPECT_EQ(make("simpletuner").size(), 0U);
  EXPECT_EQ(make("tensorboard").size(), 1U);
  EXPECT_EQ(make("wandb,tensorboard").size(), 2U);
  EXPECT_EQ(make("wandb, none").size(), 1U);
  EXPECT_EQ(make("all").size(), 2U);
  EXPECT_EQ(make("all", "disabled").size(), 1U);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("client not found"));
}

TEST_F(TrackersTest, TensorBoardGetsSettingsSeriesAndImages) {
  const Trackers trackers = make("tensorboard");
  trackers[0]->scalars(3, {{"train_loss", 0.5}});
  trackers[0]->image({"cat - 64x64", 3, "png bytes", 64, 64, "A cat"});
  for (const char* text :
       {"learning_rate", "adamw_bf16", "train_loss", "cat - 64x64", "png bytes"}) {
    EXPECT_THAT(events(), HasSubstr(text));
  }
}

TEST_F(TrackersTest, TrackerThatCannotStartIsAWarning) {
  io::write_atomically(dir_ / "logs", "a file in the way");
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(make("tensorboard,wandb").size(), 0U);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("Could not initialize trackers. Continuing without."));
}

TEST_F(TrackersTest, CustomTrackerIsACommand) {
  loaded_.config.log.custom_tracker = "cat";
  fs::create_directories(dir_ / "logs");
  {
    const Trackers trackers = make("custom-tracker");
    ASSERT_EQ(trackers.size(), 1U);
    trackers[0]->scalars(3, {{"train_loss", 0.5}});
    trackers[0]->finish();
  }
  EXPECT_THAT(io::read_file(dir_ / "logs/custom-tracker.log"), HasSubstr("train_loss"));
}

TEST(PublicSettings, SecretsAreLeftOut) {
  const config::Json settings = public_settings({{"seed", 1},
                                                 {"hub_token", "x"},
                                                 {"aws_access_key_id", "x"},
                                                 {"some_password", "x"},
                                                 {"webhook_config", "x"},
                                                 {"publishing_config", "x"}});
  EXPECT_EQ(settings, (config::Json{{"seed", 1}}));
}

TEST(HyperParameters, ArePlainValues) {
  const auto values = hyper_parameters(
      {{"a", 1}, {"b", 0.5}, {"c", true}, {"d", "x"}, {"e", nullptr}, {"f", {{"g", 1}}}});
  ASSERT_EQ(values.size(), 4U);
  EXPECT_EQ(std::get<double>(values.at("a")), 1.0);
  EXPECT_EQ(std::get<bool>(values.at("c")), true);
  EXPECT_EQ(std::get<std::string>(values.at("d")), "x");
}

}  // namespace
}  // namespace omnigen::train
