// One MPI job: its lifetime, its ranks, and the only catch-all. Every rank ends, together, with one code.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "comm/process_group.h"

namespace omnigen::comm {

class Job {
 public:
  // MPI_Init_thread, log prefix, detection of N processes that each believe to be alone.
  // Errors: prints and exits 2 for the latter, since nothing else can run.
  Job(int* argc, char*** argv);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  int local_rank() const { return local_rank_; }  // rank among those on this host
  int local_size() const { return local_size_; }
  const std::string& host() const { return host_; }
  // "mpirun", "srun" or "none", as recognised from the environment.
  const std::string& launcher() const { return launcher_; }

  // Host-side group over MPI (or over one rank).
  ProcessGroup& group() { return *group_; }

  // Optimizer step that a `fatal:` line names.
  void set_step(int64_t step) { step_ = step; }

  // Runs `body` and returns the process's exit code. An exception prints one line
  // `omnigen-dist: fatal: rank R host H step S: message` and ends every rank. ConfigErrors that every
  // rank meets alike are printed by rank 0 only.
  int run(const std::function<int()>& body);

 private:
  int fail(const std::string& message, int exit_code);

  int rank_ = 0;
  int size_ = 1;
  int local_rank_ = 0;
  int local_size_ = 1;
  int64_t step_ = 0;
  std::string host_;
  std::string launcher_ = "none";
  std::unique_ptr<ProcessGroup> group_;
};

}  // namespace omnigen::comm
