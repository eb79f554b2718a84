// What the environment says about who started this process, read before MPI is.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace omnigen::comm {

// As std::getenv: null for a variable that is not set.
using GetEnv = std::function<const char*(const char*)>;

struct LaunchEnvironment {
  std::string launcher = "none";  // "mpirun", "srun" or "none"
  int num_processes = 1;          // as the launcher says
  // The launcher left what an MPI library needs to find its peers.
  bool has_process_manager = false;

  std::string slurm_job_id;  // empty outside Slurm
  std::string slurm_array_task_id;
  int slurm_restart_count = 0;
  int64_t slurm_end_time = 0;  // seconds since the epoch; 0: unknown

  // How long SIGTERM leaves under this launcher, for the log.
  [[nodiscard]] std::string sigterm_grace() const;
};

LaunchEnvironment read_launch_environment(const GetEnv& get_env);

// N processes that each believe to be alone: a launcher without its plug-in, or one MPI's mpirun
// with another MPI's library.
// Errors: ConfigError with the remedy if MPI sees `mpi_size` 1 and the launcher started more.
void refuse_singletons(const LaunchEnvironment& environment, int mpi_size,
                       const std::string& mpi_version);

}  // namespace omnigen::comm
