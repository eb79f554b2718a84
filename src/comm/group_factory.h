// Chooses a job's process group and this rank's device.
#pragma once

#include <torch/types.h>

#include <memory>
#include <optional>
#include <string>

#include "comm/job.h"
#include "comm/process_group.h"

namespace omnigen::comm {

struct GroupOptions {
  std::string device = "auto";     // "auto": GPUs if any rank sees one; "cpu"; "cuda"
  double nccl_init_s = 120.0;      // limit for NCCL's start
  bool allow_gpu_sharing = false;  // several ranks on a GPU, reducing through host memory
};

struct GroupAndDevice {
  std::unique_ptr<ProcessGroup> group;
  at::Device device = at::kCPU;
  std::string backend;  // "single", "mpi" or "nccl"
};

// NCCL when every rank has a GPU of its own, MPI for the CPU and for shared GPUs, neither for one
// rank. `job` must outlive the group. Collective.
// Errors: ConfigError for GPUs that are missing, too few, shared, or unknown to this build;
// CommError if NCCL does not start.
GroupAndDevice make_process_group(const GroupOptions& options, Job& job);

// This rank's device alone, chosen by the same rules, for work that moves no tensors between ranks:
// NCCL is not started. Collective.
at::Device choose_device(const GroupOptions& options, Job& job);

// One line: libtorch, MPI, and where built with them CUDA and NCCL.
std::string library_versions();

// Memory of the smallest GPU that this process sees; nothing: it sees none.
std::optional<double> smallest_gpu_bytes();

}  // namespace omnigen::comm
