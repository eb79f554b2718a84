// Whole jobs under mpirun that fail in every way: how long they take to end, with which code and
// which one line.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

#include "support/temp_dir.h"

namespace omnigen::comm {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

constexpr int64_t kEndLimitSeconds = 30;  // from the fault to the end of the last rank: the promise
const std::string kProgram = std::string(OMNIGEN_BINARY_DIR) + "/tests/comm_fault_program ";

struct Outcome {
  int exit_code = -1;
  int64_t ended_at = 0;  // seconds since the epoch
  std::string output;    // both streams

  // The lines that tell why a job ended.
  [[nodiscard]] std::vector<std::string> fatal_lines() const {
    std::vector<std::string> found;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
      if (line.find(": fatal:") != std::string::npos) found.push_back(line);
    }
    return found;
  }

  // From the rank that failed doing so to the end of the whole job.
  [[nodiscard]] int64_t seconds_since_fault() const {
    const size_t found = output.find("fault at ");
    return found == std::string::npos ? 0 : ended_at - std::stoll(output.substr(found + 9));
  }
};

Outcome run(const std::string& command) {
  Outcome outcome;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> chunk{};
  for (size_t count = 0; (count = ::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;) {
    outcome.output.append(chunk.data(), count);
  }
  const int status = ::pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.ended_at = static_cast<int64_t>(::time(nullptr));
  return outcome;
}

Outcome run_job(int num_ranks, const std::string& arguments) {
  return run(fmt::format("{}/launch/mpirun.sh -n {} {} {}", OMNIGEN_SOURCE_DIR, num_ranks, kProgram,
                         arguments));
}

// One fatal line, which matches, within the limit.
void expect_ended(const Outcome& outcome, const std::string& line) {
  SCOPED_TRACE(outcome.output);
  ASSERT_EQ(outcome.fatal_lines().size(), 1U);
  EXPECT_THAT(outcome.fatal_lines()[0], ContainsRegex(line));
  EXPECT_LE(outcome.seconds_since_fault(), kEndLimitSeconds);
}

TEST(JobLaunch, ARankThatFailsAloneEndsRanksThatWait) {
  const Outcome outcome = run_job(3, "throw_while_waiting 2");
  expect_ended(outcome,
               "^comm_fault_program: fatal: rank 2 host [^ ]+ step 12: sample 7 is broken$");
  EXPECT_EQ(outcome.exit_code, 3);
}

TEST(JobLaunch, ARankThatFailsAloneEndsRanksThatCompute) {
  const Outcome outcome = run_job(2, "throw_while_computing 1");
  expect_ended(outcome, "fatal: rank 1 .* sample 7 is broken");
  EXPECT_EQ(outcome.exit_code, 3);
}

TEST(JobLaunch, RankZeroFailingAloneEndsTheOthers) {
  const Outcome outcome = run_job(2, "throw_while_computing 0");
  expect_ended(outcome, "fatal: rank 0 .* sample 7 is broken");
  EXPECT_EQ(outcome.exit_code, 3);
}

TEST(JobLaunch, AnErrorThatAllRanksMeetIsPrintedOnceByRankZero) {
  const Outcome outcome = run_job(3, "throw_alike 1");
  expect_ended(outcome, "fatal: rank 0 .* unknown option \"valdation_steps\"");
  EXPECT_EQ(outcome.exit_code, 2);
}

TEST(JobLaunch, ATorchErrorComesWithoutItsBacktrace) {
  const Outcome outcome = run_job(2, "torch_error 1");
  expect_ended(outcome, "fatal: rank 1 .* sizes 3 and 4 differ");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, testing::Not(HasSubstr("Exception raised from")));
}

TEST(JobLaunch, AKilledRankEndsRanksInsideACollective) {
  const Outcome outcome = run_job(3, "kill_in_collective 2");
  expect_ended(outcome, "fatal: rank 2 host [^ ]+ step 12: the process is gone without a word");
  EXPECT_EQ(outcome.exit_code, 137);  // mpirun's own for a killed rank
}

TEST(JobLaunch, AKilledRankEndsRanksThatCompute) {
  const Outcome outcome = run_job(3, "kill_while_computing 1");
  expect_ended(outcome, "fatal: rank 1 .* gone without a word.*; rank 0 was in no collective");
}

TEST(JobLaunch, RankZeroKilledIsToldByRankOne) {
  const Outcome outcome = run_job(3, "kill_while_computing 0");
  expect_ended(outcome, "fatal: rank 0 .* gone without a word.*; rank 1 was in no collective");
}

TEST(JobLaunch, ACollectiveOverItsLimitNamesOperationAgeAndStep) {
  const Outcome outcome = run_job(2, "hang 1");
  expect_ended(outcome,
               "fatal: rank 0 .* step 12: barrier over MPI unfinished after 2.* s at step 12");
  EXPECT_EQ(outcome.exit_code, 4);
}

TEST(JobLaunch, WeightsThatDifferNameRankAndTensor) {
  const Outcome outcome = run_job(3, "weights_differ 1");
  expect_ended(outcome, "at step 12 the trained tensor layers.0.lokr_w1 on rank 1 is not");
  EXPECT_EQ(outcome.exit_code, 4);
}

TEST(JobLaunch, TheFailureHookRunsOnce) {
  const test::TempDir dir;
  run_job(3, "throw_while_waiting 2 " + (dir / "hook").string());
  std::ostringstream text;
  text << std::ifstream(dir / "hook").rdbuf();
  EXPECT_EQ(text.str(), "rank 2 sample 7 is broken\n");
}

TEST(JobLaunch, AgreedCodesLeaveInOrder) {
  for (const auto& [arguments, code] :
       {std::pair{"succeed 0", 0}, {"restart 0", 75}, {"one_returns 1", 3}}) {
    SCOPED_TRACE(arguments);
    const Outcome outcome = run_job(2, arguments);
    EXPECT_EQ(outcome.exit_code, code) << outcome.output;
    EXPECT_TRUE(outcome.fatal_lines().empty()) << outcome.output;
  }
}

TEST(JobLaunch, OneProcessNeedsNoLauncher) {
  const Outcome outcome = run(kProgram + "throw_alike 0");
  expect_ended(outcome, "^comm_fault_program: fatal: rank 0 .* unknown option");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(run(kProgram + "restart 0").exit_code, 75);
}

TEST(JobLaunch, ProcessesThatEachBelieveToBeAloneAreRefusedWithTheRemedy) {
  for (const std::string environment : {"SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=4 ",
                                        "OMPI_COMM_WORLD_SIZE=4 ", "PMI_SIZE=4 PMI_RANK=0 "}) {
    SCOPED_TRACE(environment);
    const Outcome outcome = run(environment + kProgram + "succeed 0");
    expect_ended(outcome,
                 "MPI sees 1 process but the launcher .* started 4. Use \"srun --mpi=pmix\"");
    EXPECT_EQ(outcome.exit_code, 2);
    const Outcome allowed = run(environment + kProgram + "succeed 0 hook --allow_singleton");
    EXPECT_EQ(allowed.exit_code, 0) << allowed.output;
  }
}

}  // namespace
}  // namespace omnigen::comm
