#include "validate/clip_score.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/atomic_file.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "util/error.h"
#include "validate/tiny_models.h"

namespace omnigen::validate {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A copy of the small model whose files a test may change.
class ClipScorerTest : public ::testing::Test {
 protected:
  ClipScorerTest() { fs::copy(test::golden_dir() / "clip" / "model_quick_gelu", folder_); }
  // Replaces one member of a JSON file; `path` as "/text_config/hidden_size".
  void change(const std::string& file, const std::string& path, const nlohmann::json& value) {
    auto json = test::read_json(folder_ / file);
    json[nlohmann::json::json_pointer(path)] = value;
    io::write_atomically(folder_ / file, json.dump());
  }
  [[nodiscard]] std::string error() const {
    try {
      const ClipScorer scorer(folder_);
    } catch (const util::DataError& caught) {
      return caught.what();
    }
    return "";
  }

  test::TempDir dir_;
  fs::path folder_ = dir_.path() / "clip";
};

TEST_F(ClipScorerTest, SameTextAndPictureScoreTheSame) {
  ClipScorer scorer(folder_);
  const data::Image grey = test::solid_image(50, 30, 128);
  const double first = scorer.cosine(grey, "a cat");
  EXPECT_EQ(scorer.cosine(grey, "a cat"), first);
  EXPECT_NE(scorer.cosine(grey, "a dog"), first);
  EXPECT_GE(scorer.score(grey, "a cat"), 0.0);
}

// All prompts that share their first 76 ids would score alike if the end token were cut off.
TEST_F(ClipScorerTest, LongPromptIsReadAtItsEndToken) {
  ClipScorer scorer(folder_);
  const data::Image grey = test::solid_image(28, 28, 90);
  std::string one;
  std::string two;
  for (int i = 0; i < 80; ++i) {
    one += "cat ";
    two += "red ";
  }
  EXPECT_NE(scorer.cosine(grey, one), scorer.cosine(grey, two));
}

TEST_F(ClipScorerTest, MissingFolderSaysWhatToDownload) {
  fs::remove_all(folder_);
  EXPECT_THAT(error(), AllOf(HasSubstr("no folder " + folder_.string()),
                             HasSubstr("hf download openai/clip-vit-large-patch14-336"),
                             HasSubstr("evaluation_type")));
}

TEST_F(ClipScorerTest, EveryMissingFileIsNamed) {
  for (const char* name : {"config.json", "model.safetensors", "preprocessor_config.json"}) {
    fs::rename(folder_ / name, folder_ / "aside");
    EXPECT_THAT(error(), HasSubstr(fs::path(name).stem().string())) << name;
    fs::rename(folder_ / "aside", folder_ / name);
  }
  EXPECT_EQ(error(), "");
}

TEST_F(ClipScorerTest, PickledWeightsAreToBeConverted) {
  fs::rename(folder_ / "model.safetensors", folder_ / "pytorch_model.bin");
  EXPECT_THAT(error(), AllOf(HasSubstr("no model.safetensors"), HasSubstr("save_pretrained")));
}

TEST_F(ClipScorerTest, SizesThatDisagreeAreNamed) {
  change("config.json", "/text_config/intermediate_size", 95);
  EXPECT_THAT(error(), AllOf(HasSubstr("text_model.encoder.layers.0.mlp.fc1.weight is [96, 32]"),
                             HasSubstr("config.json says [95, 32]")));
  change("config.json", "/text_config/intermediate_size", 96);
  change("preprocessor_config.json", "/crop_size", 24);
  EXPECT_THAT(error(), HasSubstr("cuts pictures to 24x24, config.json's image_size is 28"));
}

TEST_F(ClipScorerTest, WhatIsNotComputedHereIsRefused) {
  change("config.json", "/vision_config/hidden_act", "relu");
  EXPECT_THAT(error(), HasSubstr("expected quick_gelu or gelu"));
  change("config.json", "/vision_config/hidden_act", "gelu");
  change("preprocessor_config.json", "/resample", 2);
  EXPECT_THAT(error(), HasSubstr("resample"));
}

TEST(ClipSeries, AveragesPicturesThenSumsUpNames) {
  const auto series =
      clip_series({{"cat", 20.0}, {"cat", 30.0}, {"dog", 15.0}, {"unconditional", 1.0}}, false);
  EXPECT_DOUBLE_EQ(series.at("clip/score/cat"), 25.0);
  EXPECT_DOUBLE_EQ(series.at("clip/score/dog"), 15.0);
  EXPECT_DOUBLE_EQ(series.at("clip/score/unconditional"), 1.0);
  EXPECT_DOUBLE_EQ(series.at("clip/min"), 15.0);
  EXPECT_DOUBLE_EQ(series.at("clip/max"), 25.0);
  EXPECT_DOUBLE_EQ(series.at("clip/mean"), 20.0);
  EXPECT_DOUBLE_EQ(series.at("clip/std"), 5.0);  // of the population
}

TEST(ClipSeries, EmptyPromptCountsIfAskedFor) {
  const std::vector<ClipScore> scores = {{"cat", 20.0}, {"unconditional", 10.0}};
  EXPECT_DOUBLE_EQ(clip_series(scores, true).at("clip/min"), 10.0);
  EXPECT_DOUBLE_EQ(clip_series(scores, false).at("clip/min"), 20.0);
  EXPECT_FALSE(clip_series({{"unconditional", 10.0}}, false).contains("clip/mean"));
  EXPECT_TRUE(clip_series({}, true).empty());
}

}  // namespace
}  // namespace omnigen::validate
