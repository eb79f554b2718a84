// Results in other layouts, and models of the original layout as the base of a run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "end_to_end/workspace.h"
#include "io/safetensors_reader.h"
#include "util/hash.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// A model of random weights with the sizes that the original layout fixes.
void use_random_model(Workspace& workspace) {
  const fs::path model = workspace.path("model");
  const Outcome made = workspace.run(fmt::format(
      "{}/omnigen-cache make-model --output {} --size tiny --tokenizer {}", OMNIGEN_BINARY_DIR,
      model.string(), OMNIGEN_SOURCE_DIR "/tests/golden/tiny-omnigen/tokenizer"));
  ASSERT_EQ(made.exit_code, 0) << made.output;
  workspace.config["pretrained_model_name_or_path"] = model.string();
}

Outcome exported(Workspace& workspace, const std::string& arguments) {
  return workspace.run(fmt::format("{}/omnigen-dist export {}", OMNIGEN_BINARY_DIR, arguments));
}

TEST(Export, TheOriginalLayoutIsTheSameModelToTrain) {
  Workspace workspace;
  use_random_model(workspace);
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome diffusers = workspace.train("diffusers", 1, {"--max_train_steps=2"});
  ASSERT_EQ(diffusers.exit_code, 0) << diffusers.output;
  ASSERT_EQ(exported(workspace, "--from model --to original --format original").exit_code, 0);
  EXPECT_TRUE(fs::exists(workspace.path("original/model.safetensors")));
  workspace.config["pretrained_model_name_or_path"] = workspace.path("original").string();
  const Outcome check = workspace.run(
      fmt::format("{}/omnigen-dist check --config config.json --pretrained_model_name_or_path={}",
                  OMNIGEN_BINARY_DIR, workspace.path("original").string()));
  EXPECT_EQ(check.exit_code, 0) << check.output;
  const Outcome adapter = workspace.train("original", 1, {"--max_train_steps=2"});
  ASSERT_EQ(adapter.exit_code, 0) << adapter.output;
  const Outcome whole = workspace.train("whole", 1, {"--max_train_steps=2", "--model_type=full"});
  ASSERT_EQ(whole.exit_code, 0) << whole.output;
  EXPECT_EQ(workspace.metrics("original").at(2).at("train_loss"),
            workspace.metrics("diffusers").at(2).at("train_loss"));
  EXPECT_TRUE(fs::exists(workspace.output("whole") / "pipeline/model_index.json"));
}

TEST(Export, ThereAndBackIsTheSameFile) {
  Workspace workspace;
  use_random_model(workspace);
  ASSERT_EQ(exported(workspace, "--from model --to original --format original").exit_code, 0);
  ASSERT_EQ(exported(workspace, "--from original --to again").exit_code, 0);
  for (const char* file :
       {"transformer/config.json", "transformer/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors", "model_index.json"}) {
    EXPECT_EQ(util::xxh3_64_file(workspace.path("model") / file),
              util::xxh3_64_file(workspace.path("again") / file))
        << file;
  }
}

TEST(Export, AMergedModelIsTheModelThatWasTrained) {
  Workspace workspace;
  workspace.add_evaluation_set("held-out");
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const auto evaluated = [&](const std::string& name, int steps, const std::string& rate) {
    const Outcome run = workspace.train(
        name, 1,
        {fmt::format("--max_train_steps={}", steps), fmt::format("--eval_steps_interval={}", steps),
         "--learning_rate=" + rate});
    EXPECT_EQ(run.exit_code, 0) << run.output;
    return workspace.metrics(name).at(steps).at("loss/val/held-out").get<double>();
  };
  const double untouched = evaluated("untouched", 1, "1e-12");
  const double trained = evaluated("run", 5, "1e-2");
  const std::string arguments =
      fmt::format("--from {} --to merged", workspace.output("run").string());
  const Outcome merged = exported(workspace, arguments);
  ASSERT_EQ(merged.exit_code, 0) << merged.output;
  EXPECT_THAT(merged.output, HasSubstr("merging 12 modules"));
  EXPECT_EQ(exported(workspace, arguments).exit_code, 2);  // it is there already
  workspace.config["pretrained_model_name_or_path"] = workspace.path("merged").string();
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  EXPECT_NEAR(evaluated("merged", 1, "1e-12"), trained, 1e-5 * trained);
  EXPECT_GT(std::abs(untouched - trained), 1e-3 * trained);
}

}  // namespace
}  // namespace omnigen::test
