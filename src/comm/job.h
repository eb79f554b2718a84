// One MPI job: its lifetime, its ranks, and the only catch-all. Every rank ends, together, with one
// code.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "comm/fatal_report.h"
#include "comm/launch_environment.h"
#include "comm/lifeline.h"
#include "comm/process_group.h"
#include "comm/watchdog.h"

namespace omnigen::comm {

// The environment is read nowhere else. Null for a variable that is not set.
const char* environment_variable(const char* name);

class Job {
 public:
  // MPI_Init_thread if a launcher started this process (else one rank without MPI), log prefix,
  // threads per rank, connections by which the ranks end together.
  // Errors: prints one line and exits, since nothing else can run; 2 for N processes that each
  // believe to be alone, unless `--allow_singleton` is among the arguments.
  Job(int* argc, char*** argv);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }
  [[nodiscard]] int local_rank() const { return local_rank_; }  // rank among those on this host
  [[nodiscard]] int local_size() const { return local_size_; }
  [[nodiscard]] const std::string& host() const { return host_; }
  // "mpirun", "srun" or "none", as recognised from the environment.
  [[nodiscard]] const std::string& launcher() const { return environment_.launcher; }
  // Launcher and Slurm facts.
  [[nodiscard]] const LaunchEnvironment& environment() const { return environment_; }

  // CUDA_VISIBLE_DEVICES, or "not set".
  [[nodiscard]] std::string visible_devices() const;

  // Host-side group over MPI (or over one rank).
  ProcessGroup& group() { return *group_; }
  // Limits of collectives, and which of them counts.
  Watchdog& watchdog() { return *watchdog_; }

  // Optimizer step that a `fatal:` line names.
  void set_step(int64_t step) { watchdog_->set_step(step); }
  // Name before `fatal:`; at first the program's file name.
  void set_program(const std::string& name) { program_ = name; }
  // Called once before the job ends by a failure, on rank 0 (on rank 1 if rank 0 is gone), from
  // another thread than run()'s: for `run_state.json`. Given 5 s. What the body made may be gone by
  // then: the hook must own all that it uses.
  void set_failure_hook(std::function<void(const FatalReport&)> hook);

  // Runs `body` and returns the process's exit code, the largest over ranks. An exception prints
  // one line `omnigen-dist: fatal: rank R host H step S: message` and ends every rank within
  // seconds, with the error's exit code. Errors that every rank meets alike are printed by rank 0
  // only.
  int run(const std::function<int()>& body);

 private:
  void start(int* argc, char*** argv);
  void start_mpi(int* argc, char*** argv, bool allow_singleton);
  void connect_ranks();
  void describe_ranks();
  void share_cpus();
  [[nodiscard]] FatalReport report_of(const std::string& message, int exit_code) const;
  // The exit code, if this rank is alone; else does not return.
  int fail(const FatalReport& report);
  [[noreturn]] void end_all(const FatalReport& report);
  [[noreturn]] void leave_now(int exit_code);
  void announce(const FatalReport& report);
  void run_failure_hook(const FatalReport& report);

  int rank_ = 0;
  int size_ = 1;
  int local_rank_ = 0;
  int local_size_ = 1;
  bool mpi_running_ = false;
  std::string host_;
  std::string program_;
  LaunchEnvironment environment_;
  std::mutex hook_mutex_;
  std::function<void(const FatalReport&)> failure_hook_;
  std::atomic<bool> announced_ = false;
  // Declared before their users: threads end in reverse order.
  std::unique_ptr<Watchdog> watchdog_;
  std::unique_ptr<ProcessGroup> group_;
  std::unique_ptr<Lifeline> lifeline_;
  std::atomic<Lifeline*> connected_lifeline_ = nullptr;  // for the watchdog's thread
};

}  // namespace omnigen::comm
