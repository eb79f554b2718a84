// Every recipe of config/ loads: nothing but data and weights may be missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "config/config_folder.h"
#include "config/other_keys.h"

namespace omnigen::config {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const fs::path kSourceFolder = OMNIGEN_SOURCE_DIR;
const fs::path kExample = "config/config.json.example";

// Relative to the repository, where a recipe is started from.
std::vector<fs::path> recipes() {
  std::vector<fs::path> found = {kExample};
  for (const auto& entry : fs::directory_iterator(kSourceFolder / "config")) {
    const fs::path file = entry.path() / "config.json";
    if (fs::is_regular_file(file)) found.push_back(file.lexically_relative(kSourceFolder));
  }
  std::sort(found.begin(), found.end());
  return found;
}

class Recipes : public ::testing::TestWithParam<fs::path> {
 protected:
  Recipes() : before_(fs::current_path()) { fs::current_path(kSourceFolder); }
  ~Recipes() override { fs::current_path(before_); }

  static LoadResult checked() {
    LoadOptions options;
    options.purpose = Purpose::kCheck;
    return load({"--config=" + GetParam().string()}, options);
  }

 private:
  fs::path before_;
};

TEST_P(Recipes, MissNothingButDataAndWeights) {
  const LoadResult result = checked();
  for (const std::string& line : result.missing) {
    EXPECT_THAT(line, AllOf(StartsWith("dataset "), HasSubstr("[M28]")));
  }
  EXPECT_THAT(result.warnings, IsEmpty());
}

// A recipe may be ahead of the program in one thing only, and then `check` says so.
TEST_P(Recipes, UseOnlyWhatActs) {
  for (const std::string& line : checked().not_acting) {
    EXPECT_THAT(line, StartsWith("config: not available yet: model_type: \"full\""));
  }
}

TEST_P(Recipes, KeepTheirOutputAndCachesApart) {
  const LoadResult result = checked();
  EXPECT_THAT(result.config.train.output_dir, StartsWith("output/"));
  for (const fs::path& other : recipes()) {
    if (other == GetParam()) continue;
    EXPECT_NE(read_json(other).at("output_dir"), result.config.train.output_dir) << other;
  }
}

TEST_P(Recipes, HoldOnlyKeysThatDifferFromTheDefaults) {
  const fs::path folder = GetParam().parent_path().filename();
  if (GetParam() == kExample || folder == "quickstart") return;  // they show the usual keys as well
  const Json defaults = to_json(Config());
  const Json recipe = read_json(GetParam());
  for (const auto& [written, value] : recipe.items()) {
    if (is_comment_key(written)) continue;
    Json given = value;
    const std::string key = canonical_key(written, &given);
    ASSERT_TRUE(defaults.contains(key)) << key;
    EXPECT_NE(defaults.at(key), given) << key << " is the default";
  }
}

TEST_P(Recipes, LieBesideTheFilesTheyName) {
  const Json json = read_json(GetParam());
  for (const char* key : {"data_backend_config", "lycoris_config", "user_prompt_library"}) {
    if (!json.contains(key)) {
      EXPECT_TRUE(json.value("model_type", "lora") == "full" &&
                  key == std::string("lycoris_config"))
          << key;
      continue;
    }
    const fs::path named = json.at(key).get<std::string>();
    EXPECT_TRUE(fs::is_regular_file(named)) << named;
    EXPECT_TRUE(GetParam() == kExample || named.parent_path() == GetParam().parent_path()) << named;
  }
}

INSTANTIATE_TEST_SUITE_P(Config, Recipes, ::testing::ValuesIn(recipes()), [](const auto& info) {
  const std::string folder = info.param.parent_path().filename();
  return folder == "config" ? std::string("example") : folder;
});

TEST(RecipeList, HasTheLowMemorySettingsOfTheQuickstart) {
  const Json json = read_json(kSourceFolder / "config/low_memory/config.json");
  EXPECT_EQ(json.at("base_model_precision"), "int8-quanto");
  EXPECT_EQ(json.at("quantize_via"), "cpu");
  EXPECT_EQ(json.at("optimizer"), "bnb-lion8bit-paged");
  EXPECT_EQ(json.at("train_batch_size"), 1);
  EXPECT_EQ(json.at("vae_enable_tiling"), true);
  EXPECT_EQ(json.at("vae_enable_slicing"), true);
  EXPECT_EQ(read_json(kSourceFolder / "config/low_memory/lycoris_config.json").at("factor"), 25);
  const Config defaults;
  EXPECT_TRUE(defaults.model.gradient_checkpointing);  // so the recipe need not say it
  EXPECT_EQ(defaults.train.gradient_accumulation_steps, 1);
}

TEST(RecipeList, HasTheFoldersOfTheLayout) {
  const auto found = recipes();
  for (const char* name : {"quickstart", "lokr_1gpu", "lokr_8gpu", "full_2x8gpu", "low_memory"}) {
    EXPECT_NE(std::find(found.begin(), found.end(), fs::path("config") / name / "config.json"),
              found.end())
        << name;
  }
}

}  // namespace
}  // namespace omnigen::config
