// Which CPUs this process may use, and how many threads a rank should.
#pragma once

#include <string>
#include <vector>

namespace omnigen::comm {

// Indices of the CPUs in this process's affinity mask.
std::vector<int> allowed_cpus();
int num_online_cpus();

// Threads for a rank among `masks`, the allowed CPUs of each rank on this host: its share of all
// CPUs they may use, and no more than its own mask holds. At least 1.
int threads_per_rank(const std::vector<int>& own_mask, const std::vector<std::vector<int>>& masks);

// The warning that a launcher bound `rank` to few CPUs of a larger machine; empty if it did not.
std::string narrow_affinity_warning(int rank, int num_allowed, int num_online);

}  // namespace omnigen::comm
