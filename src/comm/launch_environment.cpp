#include "comm/launch_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "util/error.h"

namespace omnigen::comm {
namespace {

// Left by process managers for the MPI libraries they start: PMIx, PMI 1 and 2, and the variables
// of Open MPI, MPICH, Intel MPI, MVAPICH, Cray PALS and ALPS, IBM Spectrum, Flux.
constexpr std::array kProcessManagerVariables = {"PMIX_RANK",          "PMI_RANK",
                                                 "PMI_SIZE",           "PMI_FD",
                                                 "PMI_PORT",           "OMPI_COMM_WORLD_SIZE",
                                                 "MPI_LOCALRANKID",    "MV2_COMM_WORLD_SIZE",
                                                 "PALS_RANKID",        "ALPS_APP_PE",
                                                 "JSM_NAMESPACE_SIZE", "FLUX_JOB_SIZE"};

constexpr std::array kMpirunSizeVariables = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE",
                                             "MV2_COMM_WORLD_SIZE", "JSM_NAMESPACE_SIZE",
                                             "FLUX_JOB_SIZE"};

std::string text(const GetEnv& get_env, const char* name) {
  const char* value = get_env(name);
  return value == nullptr ? std::string() : std::string(value);
}

// 0 if the variable is not set or no number.
int64_t number(const GetEnv& get_env, const char* name) {
  return std::strtoll(text(get_env, name).c_str(), nullptr, 10);
}

int mpirun_size(const GetEnv& get_env) {
  for (const char* name : kMpirunSizeVariables) {
    const auto size = static_cast<int>(number(get_env, name));
    if (size > 0) return size;
  }
  return 0;
}

}  // namespace

LaunchEnvironment read_launch_environment(const GetEnv& get_env) {
  LaunchEnvironment environment;
  environment.has_process_manager =
      std::any_of(kProcessManagerVariables.begin(), kProcessManagerVariables.end(),
                  [&](const char* name) { return get_env(name) != nullptr; });
  // A batch script has SLURM_NTASKS too; only srun's tasks have a step. mpirun inside a job reaches
  // other nodes through a step of its own, but Open MPI's variables tell.
  const bool in_step = !text(get_env, "SLURM_STEP_ID").empty();
  const int mpirun = mpirun_size(get_env);
  if (in_step && get_env("OMPI_COMM_WORLD_SIZE") == nullptr) {
    environment.launcher = "srun";
    const int64_t tasks = number(get_env, "SLURM_STEP_NUM_TASKS");
    environment.num_processes =
        std::max(1, static_cast<int>(tasks > 0 ? tasks : number(get_env, "SLURM_NTASKS")));
  } else if (environment.has_process_manager) {
    environment.launcher = "mpirun";
    environment.num_processes = std::max(1, mpirun);
  }
  environment.slurm_job_id = text(get_env, "SLURM_JOB_ID");
  environment.slurm_array_task_id = text(get_env, "SLURM_ARRAY_TASK_ID");
  environment.slurm_restart_count = static_cast<int>(number(get_env, "SLURM_RESTART_COUNT"));
  environment.slurm_end_time = number(get_env, "SLURM_JOB_END_TIME");
  return environment;
}

std::string LaunchEnvironment::sigterm_grace() const {
  if (launcher == "mpirun") return "about 2 s (use SIGUSR1 ahead of time)";
  if (launcher == "srun") return "the partition's GraceTime or KillWait";
  return "as long as the checkpoint takes";
}

void refuse_singletons(const LaunchEnvironment& environment, int mpi_size,
                       const std::string& mpi_version) {
  if (mpi_size > 1 || environment.num_processes <= 1) return;
  throw util::ConfigError(fmt::format(
      "MPI sees 1 process but the launcher ({}) started {}. Use \"srun --mpi=pmix\" (available "
      "here: "
      "see srun --mpi=list) or mpirun of the MPI this program was built with ({}). To run {} "
      "programs that know nothing of each other, give --allow_singleton",
      environment.launcher, environment.num_processes, mpi_version, environment.num_processes));
}

}  // namespace omnigen::comm
