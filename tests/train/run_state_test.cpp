#include "train/run_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/temp_dir.h"

namespace omnigen::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RunState, StatusSaysHowFarWhoseRunAndSinceWhen) {
  const nlohmann::json state = {{"state", "training"},
                                {"step", 1200},
                                {"total_steps", 10000},
                                {"epoch", 2},
                                {"last_checkpoint", "checkpoint-1000"},
                                {"eta_seconds", 3600.0},
                                {"updated", 1000},
                                {"tracker_run_name", "first"},
                                {"tracker_project_name", "cats"},
                                {"world_size", 8},
                                {"backend", "nccl"},
                                {"launcher", "srun"},
                                {"host", "a"},
                                {"slurm_job_id", "123"}};
  const std::string text = status_text(state, 1005);
  EXPECT_THAT(text,
              AllOf(HasSubstr("training: step 1200 of 10000 (12 %), epoch 2, "),
                    HasSubstr(" left\n  last checkpoint: checkpoint-1000\n"),
                    HasSubstr("run first of project cats: 8 ranks, nccl, started by srun on a"),
                    HasSubstr("Slurm job 123"), HasSubstr("last sign of life")));
  EXPECT_THAT(text, Not(HasSubstr("start it again")));
}

TEST(RunState, StatusOfASilentOrEndedRunSaysWhatToDo) {
  nlohmann::json state = {{"state", "training"}, {"step", 5}, {"total_steps", 10}, {"updated", 0}};
  EXPECT_THAT(status_text(state, 7200), AllOf(HasSubstr("it may be gone without a word"),
                                              HasSubstr("last checkpoint: none")));
  state["state"] = "preempted";
  EXPECT_THAT(status_text(state, 7200), AllOf(HasSubstr("ended"), HasSubstr("start it again")));
  state["state"] = "failed";
  state["error"] = "omnigen-dist: fatal: disk full";
  EXPECT_THAT(status_text(state, 7200), HasSubstr("\n  omnigen-dist: fatal: disk full"));
}

TEST(RunState, StatusCodesFollowTheState) {
  const test::TempDir dir;
  RunState state(dir.path(), true);
  EXPECT_EQ(print_status(dir.path()), 3);
  state.set("training", {5, 10, 1, "checkpoint-5", 12.0});
  EXPECT_EQ(print_status(dir.path()), 3);
  state.end("preempted", {6, 10, 1, "checkpoint-6", 0}, 75);
  EXPECT_EQ(print_status(dir.path()), 75);
  state.end("failed", {6, 10, 1, "checkpoint-6", 0}, 1, "disk full");
  EXPECT_EQ(print_status(dir.path()), 1);
  state.end("complete", {10, 10, 2, "checkpoint-10", 0}, 0);
  EXPECT_EQ(print_status(dir.path()), 0);
}

TEST(RunState, KeepsTheFactsOfTheRun) {
  const test::TempDir dir;
  RunState state(dir.path(), true);
  state.describe({{"world_size", 4}});
  state.set("training", {5, 10, 1, "", 0});
  const auto json = nlohmann::json::parse(io::read_file(RunState::path_in(dir.path())));
  EXPECT_EQ(json.at("world_size"), 4);
  EXPECT_EQ(json.at("step"), 5);
}

TEST(RunState, OtherRanksWriteNothing) {
  const test::TempDir dir;
  RunState(dir.path(), false).set("training", {});
  EXPECT_FALSE(std::filesystem::exists(RunState::path_in(dir.path())));
}

}  // namespace
}  // namespace omnigen::train
