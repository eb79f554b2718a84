// launch/train.sh as people coming from SimpleTuner start it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

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

// What env.sh sets for so many ranks of a host, whatever the number of threads: cores are counted.
std::string environment_of(Workspace& workspace, const std::string& variables) {
  return workspace
      .run(fmt::format(
          "env -u GOMP_SPINCOUNT -u OMPI_MCA_mpi_yield_when_idle {} bash -c '. {}/launch/env.sh; "
          "echo spins=${{GOMP_SPINCOUNT:-0}} yields=${{OMPI_MCA_mpi_yield_when_idle:-0}}'",
          variables, OMNIGEN_SOURCE_DIR))
      .output;
}

TEST(Launchers, ThreadsSpinAndRanksPollWhereThereIsACoreForEach) {
  Workspace workspace;
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  const auto ranks = [&](int count, int threads) {
    return fmt::format("OMNIGEN_RANKS_PER_HOST={} OMP_NUM_THREADS={}", count, threads);
  };
  EXPECT_THAT(environment_of(workspace, ranks(cores, 1)), HasSubstr("spins=10000 yields=0"));
  EXPECT_THAT(environment_of(workspace, ranks(1, cores)), HasSubstr("spins=10000 yields=0"));
  EXPECT_THAT(environment_of(workspace, ranks(1, cores + 1)), HasSubstr("spins=0 yields=0"));
  EXPECT_THAT(environment_of(workspace, ranks(cores + 1, 1)), HasSubstr("spins=0 yields=1"));
  EXPECT_THAT(environment_of(workspace, ranks(1, 1) + " GOMP_SPINCOUNT=7"), HasSubstr("spins=7"));
}

}  // namespace
}  // namespace omnigen::test
