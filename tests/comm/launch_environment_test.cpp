#include "comm/launch_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "util/error.h"

namespace omnigen::comm {
namespace {

LaunchEnvironment read(const std::map<std::string, std::string>& variables) {
  return read_launch_environment([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(LaunchEnvironment, NothingMeansOneProcessWithoutMpi) {
  const auto environment = read({});
  EXPECT_EQ(environment.launcher, "none");
  EXPECT_EQ(environment.num_processes, 1);
  EXPECT_FALSE(environment.has_process_manager);
}

TEST(LaunchEnvironment, RecognisesMpirunOfSeveralMpis) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"}) {
    SCOPED_TRACE(name);
    const auto environment = read({{name, "4"}});
    EXPECT_EQ(environment.launcher, "mpirun");
    EXPECT_EQ(environment.num_processes, 4);
    EXPECT_TRUE(environment.has_process_manager);
  }
}

TEST(LaunchEnvironment, RecognisesSrunWithPmix) {
  const auto environment = read({{"SLURM_STEP_ID", "0"},
                                 {"SLURM_STEP_NUM_TASKS", "8"},
                                 {"SLURM_NTASKS", "16"},
                                 {"PMIX_RANK", "3"},
                                 {"SLURM_JOB_ID", "123"},
                                 {"SLURM_RESTART_COUNT", "2"},
                                 {"SLURM_ARRAY_TASK_ID", "5"},
                                 {"SLURM_JOB_END_TIME", "1900000000"}});
  EXPECT_EQ(environment.launcher, "srun");
  EXPECT_EQ(environment.num_processes, 8);
  EXPECT_TRUE(environment.has_process_manager);
  EXPECT_EQ(environment.slurm_job_id, "123");
  EXPECT_EQ(environment.slurm_restart_count, 2);
  EXPECT_EQ(environment.slurm_array_task_id, "5");
  EXPECT_EQ(environment.slurm_end_time, 1900000000);
}

TEST(LaunchEnvironment, MpirunInsideAnAllocationIsMpirun) {
  const auto environment =
      read({{"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "2"}, {"OMPI_COMM_WORLD_SIZE", "16"}});
  EXPECT_EQ(environment.launcher, "mpirun");
  EXPECT_EQ(environment.num_processes, 16);
}

TEST(LaunchEnvironment, ABatchScriptAloneIsOneProcess) {
  const auto environment = read({{"SLURM_JOB_ID", "7"}, {"SLURM_NTASKS", "16"}});
  EXPECT_EQ(environment.launcher, "none");
  EXPECT_EQ(environment.num_processes, 1);
}

TEST(LaunchEnvironment, RefusesSingletonsWithTheRemedy) {
  const auto environment = read({{"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NUM_TASKS", "8"}});
  EXPECT_FALSE(environment.has_process_manager);
  try {
    refuse_singletons(environment, 1, "Open MPI v4.1.4");
    FAIL() << "no error";
  } catch (const util::ConfigError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("MPI sees 1 process but the launcher (srun) "
                                                 "started 8. Use \"srun --mpi=pmix\""));
    EXPECT_THAT(error.what(), testing::HasSubstr("built with (Open MPI v4.1.4)"));
    EXPECT_THAT(error.what(), testing::HasSubstr("--allow_singleton"));
  }
}

TEST(LaunchEnvironment, AcceptsOneProcessAndRealJobs) {
  EXPECT_NO_THROW(refuse_singletons(read({}), 1, ""));
  EXPECT_NO_THROW(refuse_singletons(read({{"OMPI_COMM_WORLD_SIZE", "1"}}), 1, ""));
  EXPECT_NO_THROW(refuse_singletons(read({{"OMPI_COMM_WORLD_SIZE", "4"}}), 4, ""));
}

TEST(LaunchEnvironment, TellsWhatSigtermLeaves) {
  EXPECT_THAT(read({{"PMI_SIZE", "2"}}).sigterm_grace(), testing::HasSubstr("2 s"));
  EXPECT_THAT(read({{"SLURM_STEP_ID", "0"}}).sigterm_grace(), testing::HasSubstr("KillWait"));
  EXPECT_THAT(read({}).sigterm_grace(), testing::HasSubstr("checkpoint"));
}

}  // namespace
}  // namespace omnigen::comm
