#include "comm/cpu_affinity.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <set>

namespace omnigen::comm {
namespace {

constexpr int kFewCpus = 4;

}  // namespace

int num_online_cpus() {
  return static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
}

std::vector<int> allowed_cpus() {
  // The kernel wants room for all CPUs it was built for.
  constexpr int kMaxCpus = 16384;
  cpu_set_t* set = CPU_ALLOC(kMaxCpus);
  const size_t num_bytes = CPU_ALLOC_SIZE(kMaxCpus);
  CPU_ZERO_S(num_bytes, set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, num_bytes, set) == 0) {
    for (int cpu = 0; cpu < kMaxCpus; ++cpu) {
      if (CPU_ISSET_S(static_cast<size_t>(cpu), num_bytes, set)) cpus.push_back(cpu);
    }
  }
  CPU_FREE(set);
  return cpus;
}

int threads_per_rank(const std::vector<int>& own_mask, const std::vector<std::vector<int>>& masks) {
  std::set<int> all;
  for (const auto& mask : masks) all.insert(mask.begin(), mask.end());
  if (masks.empty() || own_mask.empty()) return 1;
  const auto share = static_cast<int>(all.size() / masks.size());
  return std::clamp(share, 1, static_cast<int>(own_mask.size()));
}

std::string narrow_affinity_warning(int rank, int num_allowed, int num_online) {
  if (num_allowed >= kFewCpus || num_allowed >= num_online) return {};
  return fmt::format(
      "rank {} may run on {} CPU{} only, of {}; data loading will be slow (mpirun --bind-to none)",
      rank, num_allowed, num_allowed == 1 ? "" : "s", num_online);
}

}  // namespace omnigen::comm
