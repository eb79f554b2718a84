// The whole model trained: the same at any number of ranks, resumed bit for bit, and what it
// leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "end_to_end/workspace.h"
#include "io/safetensors_reader.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

void train_whole(Workspace& workspace) {
  workspace.config["model_type"] = "full";
  workspace.config.erase("lycoris_config");
  workspace.config["learning_rate"] = 1e-4;
}

void expect_equal_losses(const std::map<int64_t, nlohmann::json>& actual,
                         const std::map<int64_t, nlohmann::json>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [step, row] : actual) {
    const auto loss = expected.at(step).at("train_loss").get<double>();
    EXPECT_NEAR(row.at("train_loss").get<double>(), loss, kEqualLosses * loss) << "step " << step;
  }
}

TEST(WholeModel, FiftyStepsOnTwoRanksEqualThoseOnOne) {
  Workspace workspace;
  train_whole(workspace);
  workspace.config["max_train_steps"] = 50;
  workspace.config["checkpointing_steps"] = 0;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome one = workspace.train("one", 1, {"--gradient_accumulation_steps=2"});
  ASSERT_EQ(one.exit_code, 0) << one.output;
  const Outcome two = workspace.train("two", 2);
  ASSERT_EQ(two.exit_code, 0) << two.output;
  expect_equal_losses(workspace.metrics("two"), workspace.metrics("one"));
  const auto losses = workspace.metrics("one");
  EXPECT_LT(losses.at(50).at("train_loss").get<double>(),
            losses.at(1).at("train_loss").get<double>());
}

struct Resumed {
  const char* optimizer;
  const char* precision;
  int ranks;
};

class WholeModelResumeTest : public ::testing::TestWithParam<Resumed> {};
INSTANTIATE_TEST_SUITE_P(
    Optimizers, WholeModelResumeTest,
    ::testing::Values(Resumed{"torch-adamw", "no", 2}, Resumed{"torch-adamw", "bf16", 1},
                      Resumed{"adamw_bf16", "bf16", 2}, Resumed{"prodigy", "bf16", 2}),
    [](const auto& info) {
      std::string name = info.param.optimizer;
      std::replace(name.begin(), name.end(), '-', '_');
      return fmt::format("{}_{}_{}", name, info.param.precision, info.param.ranks);
    });

TEST_P(WholeModelResumeTest, TwentyStepsEqualTenKilledAndTen) {
  Workspace workspace;
  train_whole(workspace);
  workspace.config["optimizer"] = GetParam().optimizer;
  workspace.config["mixed_precision"] = GetParam().precision;
  workspace.config["checkpointing_steps"] = 10;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const int ranks = GetParam().ranks;
  const Outcome straight = workspace.train("straight", ranks);
  ASSERT_EQ(straight.exit_code, 0) << straight.output;
  const pid_t job = workspace.start_training("killed", ranks, {});
  ASSERT_TRUE(wait_for(workspace.output("killed") / "checkpoint-10"));
  for (const pid_t process :
       processes_with("--output_dir=" + workspace.output("killed").string())) {
    ::kill(process, SIGKILL);
  }
  kill_group(job);
  fs::remove_all(workspace.output("killed") / "checkpoint-20");  // had it been that quick
  const Outcome resumed = workspace.train("killed", ranks);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("resuming from checkpoint-10"));
  const fs::path expected = workspace.output("straight") / "checkpoint-20";
  int compared = 0;
  for (const auto& entry : fs::recursive_directory_iterator(expected)) {
    if (!entry.is_regular_file()) continue;
    const fs::path name = entry.path().lexically_relative(expected);
    if (name == "simpletuner_config.json") continue;  // it names the run's folder
    expect_equal_files(entry.path(), workspace.output("killed") / "checkpoint-20" / name);
    ++compared;
  }
  EXPECT_GE(compared, 9);  // two transformers, three kinds of state, position, manifest
  expect_equal_files(
      workspace.output("straight") / "pipeline/transformer/diffusion_pytorch_model.safetensors",
      workspace.output("killed") / "pipeline/transformer/diffusion_pytorch_model.safetensors");
}

TEST(WholeModel, GoesOnWithAnotherNumberOfRanks) {
  Workspace workspace;
  train_whole(workspace);
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("straight", 1, {"--gradient_accumulation_steps=6"}).exit_code, 0);
  ASSERT_EQ(
      workspace.train("changed", 2, {"--gradient_accumulation_steps=3", "--max_train_steps=10"})
          .exit_code,
      0);
  const Outcome second = workspace.train("changed", 3, {"--gradient_accumulation_steps=2"});
  ASSERT_EQ(second.exit_code, 0) << second.output;
  expect_equal_losses(workspace.metrics("changed"), workspace.metrics("straight"));
  EXPECT_TRUE(fs::exists(workspace.output("changed") /
                         "checkpoint-20/optimizer-00003-of-00003.safetensors"));
}

TEST(WholeModel, IsValidatedComparedAndEvaluated) {
  Workspace workspace;
  train_whole(workspace);
  workspace.add_evaluation_set("held-out");
  workspace.config.update({{"max_train_steps", 4},
                           {"validation_disable", false},
                           {"disable_benchmark", false},
                           {"validation_steps", 2},
                           {"validation_prompt", "a square"},
                           {"validation_resolution", "64x64"},
                           {"validation_num_inference_steps", 2},
                           {"eval_steps_interval", 2}});
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome run = workspace.train("run", 2);
  ASSERT_EQ(run.exit_code, 0) << run.output;
  const fs::path output = workspace.output("run");
  EXPECT_FALSE(fs::is_empty(output / "benchmarks/base_model"));
  EXPECT_FALSE(fs::is_empty(output / "validation_images"));
  const auto row = workspace.metrics("run").at(4);
  EXPECT_TRUE(row.contains("loss/val/held-out")) << row;
  EXPECT_NE(row.at("loss/val/held-out"), row.at("loss/val_ema/held-out"));
  // Measuring moves nothing.
  const Outcome unmeasured =
      workspace.train("unmeasured", 2, {"--validation_disable=true", "--eval_loss_disable=true"});
  ASSERT_EQ(unmeasured.exit_code, 0) << unmeasured.output;
  EXPECT_EQ(workspace.metrics("run").at(4).at("train_loss"),
            workspace.metrics("unmeasured").at(4).at("train_loss"));
}

TEST(WholeModel, AFreshOptimizerGoesOnFromTheWeights) {
  Workspace workspace;
  train_whole(workspace);
  workspace.config["checkpointing_steps"] = 5;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("run", 1, {"--max_train_steps=5"}).exit_code, 0);
  const Outcome resumed = workspace.train(
      "run", 2, {"--max_train_steps=6", "--optimizer=optimi-lion", "--reset_optimizer=true"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("resuming from checkpoint-5"));
}

TEST(WholeModel, RefusesWhatBelongsToAdapters) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("run", 1, {"--max_train_steps=5"}).exit_code, 0);
  const std::string adapter = "--init_lora=" + workspace.output("run").string();
  train_whole(workspace);
  const auto refused = [&](int code, const std::vector<std::string>& arguments,
                           const std::string& text) {
    const Outcome outcome = workspace.train("run", 1, arguments);
    EXPECT_EQ(outcome.exit_code, code) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr(text));
  };
  refused(2, {adapter}, "begins an adapter, but model_type full has none");
  refused(2, {"--base_model_precision=int8-quanto"},
          "only adapters can train on quantised weights");
  refused(2, {"--dataset.pictures.is_regularisation_data=true"}, "[E46]");
  refused(3, {"--max_train_steps=6"}, "checkpoint-5 is of an adapter");
}

TEST(WholeModel, CheckSaysThatEveryWeightIsTrained) {
  Workspace workspace;
  train_whole(workspace);
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome check =
      workspace.run(fmt::format("{}/omnigen-dist check --config config.json", OMNIGEN_BINARY_DIR));
  EXPECT_EQ(check.exit_code, 0) << check.output;
  EXPECT_THAT(check.output, HasSubstr("whole model: every weight is trained"));
}

}  // namespace
}  // namespace omnigen::test
