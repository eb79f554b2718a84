// launch/train.sh as people coming from SimpleTuner start it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "end_to_end/workspace.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

Outcome dry_run(Workspace& workspace, const std::string& environment, const std::string& options) {
  return workspace.run(fmt::format(
      "{} OMNIGEN_BUILD_DIR={} {}/launch/train.sh {} --dry-run "
      "--config {}/config/quickstart/config.json",
      environment, OMNIGEN_BINARY_DIR, OMNIGEN_SOURCE_DIR, options, OMNIGEN_SOURCE_DIR));
}

TEST(Launchers, RanksComeFromSimpleTunersVariablesToo) {
  Workspace workspace;
  EXPECT_THAT(dry_run(workspace, "", "").output, HasSubstr("x 1 ranks"));
  EXPECT_THAT(dry_run(workspace, "TRAINING_NUM_PROCESSES=3", "").output, HasSubstr("x 3 ranks"));
  EXPECT_THAT(dry_run(workspace, "TRAINING_NUM_PROCESSES=3", "-n 2").output,
              HasSubstr("x 2 ranks"));
  fs::create_directories(workspace.path("config"));
  std::ofstream(workspace.path("config/config.env")) << "export TRAINING_NUM_PROCESSES='4'\n";
  EXPECT_THAT(dry_run(workspace, "", "").output, HasSubstr("x 4 ranks"));
  EXPECT_EQ(dry_run(workspace, "TRAINING_NUM_PROCESSES=many", "").exit_code, 2);
}

TEST(Launchers, TheStatusOfARunIsThatOfItsProgram) {
  Workspace workspace;
  const Outcome outcome = workspace.run(
      fmt::format("OMNIGEN_BUILD_DIR={} {}/launch/train.sh -n 1 --config nowhere.json",
                  OMNIGEN_BINARY_DIR, OMNIGEN_SOURCE_DIR));
  EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
}

}  // namespace
}  // namespace omnigen::test
