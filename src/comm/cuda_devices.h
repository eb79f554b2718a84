// The GPUs this process sees. Built with CUDA only.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace omnigen::comm {

struct GpuFacts {
  std::string name;
  std::string uuid;        // "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
  std::string pci_bus_id;  // "0000:65:00.0"
  int numa_node = -1;      // -1: unknown
  size_t memory_bytes = 0;
};

// In device order; empty without a driver or a GPU.
std::vector<GpuFacts> visible_gpus();

// "CUDA 13.0", of the runtime that this program was built with.
std::string cuda_version();

// Makes `device` the current one of this thread.
void select_gpu(int device);

}  // namespace omnigen::comm
