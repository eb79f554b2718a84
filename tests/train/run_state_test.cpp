#include "train/run_state.h"

#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/temp_dir.h"

namespace omnigen::train {
namespace {

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
