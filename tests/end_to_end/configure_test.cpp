// `configure` and the recipes as a user starts them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "end_to_end/workspace.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

const std::string kProgram = std::string(OMNIGEN_BINARY_DIR) + "/omnigen-dist";

TEST(Configure, SixtyEmptyLinesMakeASetWithoutErrors) {
  Workspace workspace;
  const Outcome outcome =
      workspace.run("printf '\\n%.0s' $(seq 60) | " + kProgram + " configure --out set");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("0 configuration errors"));
  const Outcome check =
      workspace.run("cd / && " + kProgram + " check --config " + workspace.path("set").string());
  EXPECT_EQ(check.exit_code, 3) << check.output;  // pictures, caches and weights
  EXPECT_THAT(check.output, AllOf(HasSubstr("0 configuration errors; 4 things to provide"),
                                  HasSubstr("adapter: 192 modules, 42504192 trained parameters")));
}

TEST(Configure, ItsSetTrains) {
  Workspace workspace;
  workspace.run(fmt::format(
      "echo '{{\"pretrained_model_name_or_path\": \"{}\", \"describe_dataset\": true, "
      "\"instance_data_dir\": \"pictures\", \"dataset_resolutions\": \"64\", \"resolution\": 64, "
      "\"max_train_steps\": 2, \"validation_resolution\": \"64x64\", "
      "\"validation_num_inference_steps\": 1}}' > answers.json",
      OMNIGEN_SOURCE_DIR "/tests/golden/tiny-omnigen"));
  const Outcome made = workspace.run(kProgram + " configure --answers answers.json --out set");
  ASSERT_EQ(made.exit_code, 0) << made.output;
  const Outcome cached = workspace.run(std::string(OMNIGEN_BINARY_DIR) +
                                       "/omnigen-cache build --config set/config.json");
  ASSERT_EQ(cached.exit_code, 0) << cached.output;
  const Outcome trained = workspace.run(kProgram + " --config set/config.json");
  EXPECT_EQ(trained.exit_code, 0) << trained.output;
}

class RecipeTest : public ::testing::TestWithParam<std::pair<const char*, int>> {};
INSTANTIATE_TEST_SUITE_P(Recipes, RecipeTest,
                         ::testing::Values(std::pair("quickstart", 2), std::pair("lokr_1gpu", 1),
                                           std::pair("lokr_8gpu", 8), std::pair("full_2x8gpu", 16),
                                           std::pair("low_memory", 1)));

TEST_P(RecipeTest, DryRunShowsThePlanForItsRanks) {
  Workspace workspace;
  const auto [name, ranks] = GetParam();
  const Outcome outcome = workspace.run(
      fmt::format("cd {0} && OMNIGEN_BUILD_DIR={1} launch/train.sh -n {3} --dry-run --config "
                  "config/{2}/config.json --output_dir {4}",
                  OMNIGEN_SOURCE_DIR, OMNIGEN_BINARY_DIR, name, ranks, workspace.path().string()));
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("would run: "), HasSubstr("effective batch "),
                    HasSubstr(fmt::format("x {} ranks", ranks)), HasSubstr("validation: ")));
  if (std::string(name) == "full_2x8gpu") {  // ahead of the program in one key
    EXPECT_THAT(outcome.output, AnyOf(HasSubstr("0 configuration errors"),
                                      AllOf(HasSubstr("configuration errors (1):"),
                                            HasSubstr("not available yet: model_type"))));
    return;
  }
  EXPECT_THAT(outcome.exit_code, AnyOf(0, 3));
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("0 configuration errors"), HasSubstr("adapter: ")));
}

struct RecipeRun {
  const char* name;
  int ranks;
  std::vector<const char*> datasets;
};

class RecipeRunTest : public ::testing::TestWithParam<RecipeRun> {};
INSTANTIATE_TEST_SUITE_P(
    Recipes, RecipeRunTest,
    ::testing::Values(RecipeRun{"lokr_1gpu", 1, {"my-dataset"}},
                      RecipeRun{"lokr_8gpu", 2, {"pseudo-camera-10k", "pseudo-camera-10k-512"}},
                      RecipeRun{"low_memory", 1, {"my-dataset"}}),
    [](const auto& info) { return std::string(info.param.name); });

// Sizes and lengths are changed, and nothing else.
TEST_P(RecipeRunTest, TrainsATinyModel) {
  Workspace workspace;
  const RecipeRun recipe = GetParam();
  std::string options = fmt::format(
      "--config config/{0}/config.json --output_dir={1} --max_train_steps=2 --lr_warmup_steps=1 "
      "--pretrained_model_name_or_path=tests/golden/tiny-omnigen --validation_resolution=64x64 "
      "--validation_num_inference_steps=1 --aspect_bucket_alignment=16",
      recipe.name, workspace.output("run").string());
  for (const char* id : recipe.datasets) {
    options += fmt::format(
        " --dataset.{0}.instance_data_dir={1} --dataset.{0}.cache_dir_vae={2}/cache-{0} "
        "--dataset.{0}.resolution=64 --dataset.{0}.minimum_image_size=0",
        id, workspace.path("pictures").string(), workspace.path().string());
  }
  const std::string in_tree = fmt::format("cd {} && ", OMNIGEN_SOURCE_DIR);
  const Outcome cached = workspace.run(
      fmt::format("{}{}/omnigen-cache build {}", in_tree, OMNIGEN_BINARY_DIR, options));
  ASSERT_EQ(cached.exit_code, 0) << cached.output;
  const Outcome trained =
      workspace.run(fmt::format("{}OMNIGEN_BUILD_DIR={} launch/train.sh -n {} {}", in_tree,
                                OMNIGEN_BINARY_DIR, recipe.ranks, options));
  EXPECT_EQ(trained.exit_code, 0) << trained.output;
  EXPECT_TRUE(fs::exists(workspace.output("run") / "pytorch_lora_weights.safetensors"));
}

}  // namespace
}  // namespace omnigen::test
