#include "optim/weight_partition.h"

#include <algorithm>
#include <numeric>

namespace omnigen::optim {

std::vector<int> partition(const std::vector<int64_t>& sizes, int num_ranks) {
  std::vector<size_t> largest_first(sizes.size());
  std::iota(largest_first.begin(), largest_first.end(), size_t{0});
  std::stable_sort(largest_first.begin(), largest_first.end(),
                   [&](size_t a, size_t b) { return sizes[a] > sizes[b]; });
  std::vector<int64_t> held(static_cast<size_t>(num_ranks), 0);
  std::vector<int> owners(sizes.size(), 0);
  for (const size_t i : largest_first) {
    const auto least = std::min_element(held.begin(), held.end());
    *least += sizes[i];
    owners[i] = static_cast<int>(least - held.begin());
  }
  return owners;
}

}  // namespace omnigen::optim
