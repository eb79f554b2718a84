// Which GPU each rank takes, decided from what all ranks see.
#pragma once

#include <string>
#include <vector>

namespace omnigen::comm {

// What one rank sees.
struct VisibleGpus {
  std::string host;
  int local_rank = 0;
  int local_size = 1;
  std::string visible_devices;     // CUDA_VISIBLE_DEVICES, or "not set"
  std::vector<std::string> uuids;  // in device order
};

std::string to_json(const VisibleGpus& gpus);
// Errors: nlohmann's, on what to_json() did not make.
VisibleGpus visible_gpus_from_json(const std::string& text);

// True if no rank sees a GPU.
bool no_gpus(const std::vector<VisibleGpus>& ranks);

// Device index of every rank. A rank takes the GPU of its number among the ranks of its host, or
// the only one it sees if the launcher gave each rank another. `allow_sharing`: ranks may take
// turns on too few GPUs.
// Errors: ConfigError naming host, ranks and GPUs; the same on every rank.
std::vector<int> choose_devices(const std::vector<VisibleGpus>& ranks, bool allow_sharing);

}  // namespace omnigen::comm
