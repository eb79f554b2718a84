// Bit-exact resume after a kill, on the same and on another number of ranks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>

#include "end_to_end/workspace.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

void kill_after(Workspace& workspace, const std::string& name, int ranks, const std::string& file,
                const std::vector<std::string>& arguments) {
  const pid_t job = workspace.start_training(name, ranks, arguments);
  ASSERT_TRUE(wait_for(workspace.output(name) / file));
  for (const pid_t process : processes_with("--output_dir=" + workspace.output(name).string())) {
    ::kill(process, SIGKILL);
  }
  kill_group(job);
}

class ResumeTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ResumeTest, TwentyStepsEqualTenKilledAndTen) {
  Workspace workspace;
  workspace.config["optimizer"] = GetParam();
  if (std::string(GetParam()) == "adamw_bf16") workspace.config["mixed_precision"] = "bf16";
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("straight", 1).exit_code, 0);
  kill_after(workspace, "killed", 1, "checkpoint-10", {});
  const Outcome resumed = workspace.train("killed", 1);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("resuming from checkpoint-1"));
  for (const char* file :
       {"pytorch_lora_weights.safetensors", "ema/pytorch_lora_weights.safetensors",
        "checkpoint-20/optimizer.safetensors", "checkpoint-20/parameters.safetensors",
        "checkpoint-20/ema/ema_state.safetensors", "checkpoint-20/training_state.json"}) {
    expect_equal_files(workspace.output("straight") / file, workspace.output("killed") / file);
  }
  EXPECT_EQ(workspace.metrics("straight").at(20).at("train_loss"),
            workspace.metrics("killed").at(20).at("train_loss"));
}

INSTANTIATE_TEST_SUITE_P(Optimizers, ResumeTest,
                         ::testing::Values("torch-adamw", "adamw_bf16", "prodigy"));

TEST(Resume, AnotherOptimizerStartsAfreshWhereAsked) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("run", 1, {"--max_train_steps=5"}).exit_code, 0);
  const std::vector<std::string> other = {"--max_train_steps=6", "--optimizer=prodigy"};
  const Outcome refused = workspace.train("run", 1, other);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.output, HasSubstr("reset_optimizer=true"));
  std::vector<std::string> reset = other;
  reset.emplace_back("--reset_optimizer=true");
  const Outcome resumed = workspace.train("run", 1, reset);
  EXPECT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("prodigy starts with fresh state"));
  EXPECT_THAT(resumed.output, HasSubstr("resuming from checkpoint-5"));
}

TEST(Resume, GoesOnWithAnotherNumberOfRanks) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("straight", 1, {"--gradient_accumulation_steps=6"}).exit_code, 0);
  ASSERT_EQ(
      workspace.train("changed", 2, {"--gradient_accumulation_steps=3", "--max_train_steps=10"})
          .exit_code,
      0);
  const Outcome second = workspace.train("changed", 3, {"--gradient_accumulation_steps=2"});
  ASSERT_EQ(second.exit_code, 0) << second.output;
  const auto straight = workspace.metrics("straight");
  for (const auto& [step, row] : workspace.metrics("changed")) {
    const auto expected = straight.at(step).at("train_loss").get<double>();
    EXPECT_NEAR(row.at("train_loss").get<double>(), expected, 1e-5 * expected) << "step " << step;
  }
}

TEST(Resume, PassesOverADamagedCheckpoint) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("run", 1, {"--max_train_steps=10"}).exit_code, 0);
  fs::resize_file(workspace.output("run") / "checkpoint-10/optimizer.safetensors", 100);
  const Outcome resumed = workspace.train("run", 1, {"--max_train_steps=11"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("passing over checkpoint-10"));
  EXPECT_THAT(resumed.output, HasSubstr("resuming from checkpoint-5"));
}

TEST(Resume, ASchedulersNoticeLeadsToACheckpointAndExit75) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const pid_t job = workspace.start_training("run", 2, {"--max_train_steps=100000"});
  ASSERT_TRUE(wait_for(workspace.output("run") / "checkpoint-5"));
  ::kill(job, SIGUSR1);
  int status = 0;
  ::waitpid(job, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 75);
  const Outcome state = workspace.run(fmt::format("{}/omnigen-dist status {}", OMNIGEN_BINARY_DIR,
                                                  workspace.output("run").string()));
  EXPECT_EQ(state.exit_code, 75);
  EXPECT_THAT(state.output, HasSubstr("preempted"));
}

}  // namespace
}  // namespace omnigen::test
