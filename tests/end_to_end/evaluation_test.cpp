// Evaluation losses against the untouched model, the best checkpoint, CLIP scores.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "end_to_end/workspace.h"
#include "io/atomic_file.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The pictures that are trained on are also what is evaluated: the loss must fall.
void add_evaluation_set(Workspace* workspace) {
  auto held_out = workspace->datasets[0];
  held_out["id"] = "held-out";
  held_out["dataset_type"] = "eval";
  held_out["cache_dir_vae"] = workspace->path("cache-eval").string();
  held_out["repeats"] = 0;
  workspace->datasets.push_back(held_out);
}

nlohmann::json best_of(const fs::path& output) {
  return nlohmann::json::parse(io::read_file(output / "checkpoint-best.json"));
}

TEST(Evaluation, LossesArePairedWithTheUntouchedModels) {
  Workspace workspace;
  add_evaluation_set(&workspace);
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const std::vector<std::string> arguments = {"--max_train_steps=6", "--eval_steps_interval=3",
                                              "--eval_timesteps=4", "--num_eval_images=9",
                                              "--learning_rate=0.01"};
  for (const auto& [ranks, accumulation] : {std::pair{1, 2}, {2, 1}}) {
    auto own = arguments;
    own.push_back(fmt::format("--gradient_accumulation_steps={}", accumulation));
    const std::string name = fmt::format("ranks{}", ranks);
    const Outcome outcome = workspace.train(name, ranks, own);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_THAT(outcome.output, AllOf(HasSubstr("eval of the untouched model: held-out"),
                                      HasSubstr("better than the untouched model by"),
                                      HasSubstr("(95 %, paired over 5 images)")));
    const auto row = workspace.metrics(name).at(6);
    const double loss = row.at("loss/val/held-out");
    const double untouched = row.at("loss/val_untouched/held-out");
    EXPECT_LT(loss, untouched);
    EXPECT_NEAR(row.at("loss/val_improvement/held-out").get<double>(), untouched - loss, 1e-9);
    EXPECT_GT(row.at("loss/val_improvement_95/held-out").get<double>(), 0.0);
    EXPECT_TRUE(row.contains("loss/val_ema/held-out"));
    EXPECT_EQ(row.at("loss/val_by_t/held-out").size(), 4U);
    EXPECT_FALSE(workspace.metrics(name).at(4).contains("loss/val/held-out"));
  }
  const double alone = workspace.metrics("ranks1").at(6).at("loss/val/held-out");
  EXPECT_NEAR(workspace.metrics("ranks2").at(6).at("loss/val/held-out").get<double>(), alone,
              1e-5 * alone);
  EXPECT_EQ(io::read_file(workspace.output("ranks1") / "evaluation/untouched_held-out.json"),
            io::read_file(workspace.output("ranks2") / "evaluation/untouched_held-out.json"));
}

TEST(Evaluation, BestCheckpointIsKeptAndResumedFrom) {
  Workspace workspace;
  add_evaluation_set(&workspace);
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const std::vector<std::string> arguments = {"--eval_steps_interval=2", "--eval_timesteps=4",
                                              "--checkpoints_total_limit=1"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), arguments.begin(), arguments.end());
    return more;
  };
  const Outcome better = workspace.train(
      "run", 1, with({"--max_train_steps=6", "--learning_rate=0.01", "--checkpointing_steps=6"}));
  ASSERT_EQ(better.exit_code, 0) << better.output;
  const fs::path output = workspace.output("run");
  // The loss falls all the time, so the last checkpoint is the best; extra ones are gone.
  EXPECT_EQ(best_of(output).at("checkpoint"), "checkpoint-6");
  EXPECT_EQ(best_of(output).at("loss"), workspace.metrics("run").at(6).at("loss/val/held-out"));
  EXPECT_FALSE(fs::exists(output / "checkpoint-4-best"));
  // Now it rises: the best stays, whatever the limit.
  const std::vector<std::string> rising = {"--max_train_steps=9", "--learning_rate=0.5",
                                           "--checkpointing_steps=1"};
  const Outcome worse = workspace.train("run", 1, with(rising));
  ASSERT_EQ(worse.exit_code, 0) << worse.output;
  EXPECT_THAT(worse.output, AllOf(HasSubstr("held-out"), HasSubstr("from an earlier start")));
  EXPECT_EQ(best_of(output).at("checkpoint"), "checkpoint-6");
  EXPECT_TRUE(fs::exists(output / "checkpoint-6"));
  EXPECT_TRUE(fs::exists(output / "checkpoint-9"));
  EXPECT_FALSE(fs::exists(output / "checkpoint-8"));
  auto from_best = rising;
  from_best.emplace_back("--resume_from_checkpoint=best");
  const Outcome resumed = workspace.train("run", 1, with(from_best));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("resuming from checkpoint-6: step 6 of 9"));
}

TEST(Evaluation, ExtraCheckpointIsWrittenWhereNoneIsDue) {
  Workspace workspace;
  add_evaluation_set(&workspace);
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const std::vector<std::string> arguments = {"--max_train_steps=3", "--eval_epoch_interval=0.2",
                                              "--eval_timesteps=2", "--checkpointing_steps=0",
                                              "--final_checkpoint=false"};
  ASSERT_EQ(workspace.train("run", 1, arguments).exit_code, 0);
  const auto best = best_of(workspace.output("run"));
  EXPECT_THAT(best.at("checkpoint").get<std::string>(), ::testing::EndsWith("-best"));
  EXPECT_TRUE(fs::exists(workspace.output("run") / best.at("checkpoint").get<std::string>() /
                         "checkpoint_manifest.json"));
  auto off = arguments;
  off.emplace_back("--save_best_checkpoint=false");
  ASSERT_EQ(workspace.train("off", 1, off).exit_code, 0);
  EXPECT_FALSE(fs::exists(workspace.output("off") / "checkpoint-best.json"));
  const Outcome none = workspace.train("off", 1, {"--resume_from_checkpoint=best"});
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_THAT(none.output, HasSubstr("no best checkpoint in"));
}

TEST(Evaluation, ValidationImagesGetClipScores) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  workspace.config["evaluation_type"] = "clip";
  workspace.config["pretrained_evaluation_model_name_or_path"] =
      std::string(OMNIGEN_SOURCE_DIR) + "/tests/golden/clip/model_quick_gelu";
  const std::vector<std::string> arguments = {"--max_train_steps=2",
                                              "--validation_disable=false",
                                              "--validation_steps=2",
                                              "--validation_prompt=a-square",
                                              "--validation_resolution=64x64,96x64",
                                              "--validation_num_inference_steps=2",
                                              "--disable_benchmark=false"};
  const Outcome one = workspace.train("one", 1, arguments);
  ASSERT_EQ(one.exit_code, 0) << one.output;
  EXPECT_THAT(one.output, HasSubstr("CLIP score at step 2: mean"));
  for (const int64_t step : {0, 2}) {  // the untouched model, and the trained one
    const auto row = workspace.metrics("one").at(step);
    for (const char* name : {"clip/min", "clip/max", "clip/mean", "clip/std",
                             "clip/score/validation", "clip/score/unconditional"}) {
      EXPECT_TRUE(row.contains(name)) << name << " at step " << step;
    }
    EXPECT_EQ(row.at("clip/mean"), row.at("clip/score/validation"));
  }
  EXPECT_TRUE(workspace.metrics("one").at(2).contains("train_loss"));
  ASSERT_EQ(workspace.train("two", 2, arguments).exit_code, 0);
  EXPECT_EQ(workspace.metrics("two").at(0).at("clip/mean"),
            workspace.metrics("one").at(0).at("clip/mean"));
}

TEST(Evaluation, MissingClipModelIsSaidBeforeAnythingIsLoaded) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  workspace.config["evaluation_type"] = "clip";
  const std::vector<std::string> arguments = {"--validation_disable=false",
                                              "--validation_prompt=a-square"};
  const Outcome outcome = workspace.train("run", 1, arguments);
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("no folder openai/clip-vit-large-patch14-336"),
                                    HasSubstr("hf download openai/clip-vit-large-patch14-336"),
                                    Not(HasSubstr("Running training"))));
  const Outcome check = workspace.run(
      fmt::format("{}/omnigen-dist check --config config.json --validation_disable=false "
                  "--validation_prompt=x",
                  OMNIGEN_BINARY_DIR));
  EXPECT_EQ(check.exit_code, 3);
  EXPECT_THAT(check.output, HasSubstr("no folder openai/clip-vit-large-patch14-336"));
}

}  // namespace
}  // namespace omnigen::test
