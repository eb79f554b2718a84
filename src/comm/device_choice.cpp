#include "comm/device_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "util/error.h"

namespace omnigen::comm {
namespace {

// The launcher bound one GPU to each rank of the host.
bool bound_one_each(const std::vector<VisibleGpus>& ranks, const std::string& host) {
  std::set<std::string> seen;
  int num_ranks = 0;
  for (const VisibleGpus& rank : ranks) {
    if (rank.host != host) continue;
    if (rank.uuids.size() != 1) return false;
    seen.insert(rank.uuids.front());
    ++num_ranks;
  }
  return std::ssize(seen) == num_ranks;
}

int choose_device(const std::vector<VisibleGpus>& ranks, const VisibleGpus& mine,
                  bool allow_sharing) {
  const auto num_visible = static_cast<int>(mine.uuids.size());
  if (num_visible == 0) {
    throw util::ConfigError(
        fmt::format("host {}: no GPU visible to local rank {} (CUDA_VISIBLE_DEVICES is {}); check "
                    "nvidia-smi there, or run on the CPU",
                    mine.host, mine.local_rank, mine.visible_devices));
  }
  if (num_visible >= mine.local_size) return mine.local_rank;
  if (bound_one_each(ranks, mine.host)) return 0;
  if (allow_sharing) return mine.local_rank % num_visible;
  throw util::ConfigError(fmt::format(
      "host {}: {} ranks but {} GPU{} visible; start with -np {} (several hosts: --map-by "
      "ppr:{}:node), or give --allow_gpu_sharing to reduce through host memory",
      mine.host, mine.local_size, num_visible, num_visible == 1 ? "" : "s", num_visible,
      num_visible));
}

// NCCL would refuse it later, and say less.
void refuse_shared_gpus(const std::vector<VisibleGpus>& ranks, const std::vector<int>& devices) {
  std::map<std::pair<std::string, std::string>, size_t> owners;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    const std::string& uuid = ranks[rank].uuids[static_cast<size_t>(devices[rank])];
    const auto [owner, is_new] = owners.try_emplace({ranks[rank].host, uuid}, rank);
    if (is_new) continue;
    throw util::ConfigError(
        fmt::format("host {}: ranks {} and {} would both use GPU {}; give every rank its own "
                    "(--gpus-per-node, --gpu-bind=none), or --allow_gpu_sharing",
                    ranks[rank].host, owner->second, rank, uuid));
  }
}

}  // namespace

std::string to_json(const VisibleGpus& gpus) {
  return nlohmann::json{{"host", gpus.host},
                        {"local_rank", gpus.local_rank},
                        {"local_size", gpus.local_size},
                        {"visible_devices", gpus.visible_devices},
                        {"uuids", gpus.uuids}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

VisibleGpus visible_gpus_from_json(const std::string& text) {
  const auto fields = nlohmann::json::parse(text);
  VisibleGpus gpus;
  fields.at("host").get_to(gpus.host);
  fields.at("local_rank").get_to(gpus.local_rank);
  fields.at("local_size").get_to(gpus.local_size);
  fields.at("visible_devices").get_to(gpus.visible_devices);
  fields.at("uuids").get_to(gpus.uuids);
  return gpus;
}

bool no_gpus(const std::vector<VisibleGpus>& ranks) {
  return std::all_of(ranks.begin(), ranks.end(),
                     [](const VisibleGpus& rank) { return rank.uuids.empty(); });
}

std::vector<int> choose_devices(const std::vector<VisibleGpus>& ranks, bool allow_sharing) {
  std::vector<int> devices;
  devices.reserve(ranks.size());
  for (const VisibleGpus& rank : ranks) {
    devices.push_back(choose_device(ranks, rank, allow_sharing));
  }
  if (!allow_sharing) refuse_shared_gpus(ranks, devices);
  return devices;
}

}  // namespace omnigen::comm
