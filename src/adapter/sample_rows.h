// Which rows of a packed activation belong to which sample, for what an adapter draws per sample:
// dropout is then the same at any number of ranks and whatever a sample is packed with.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <numeric>
#include <vector>

namespace omnigen::adapter {

struct SampleRows {
  std::vector<uint64_t> keys;  // of each sample's draws
  // Rows of each sample, for every height that a layer's input can have.
  std::vector<std::vector<int64_t>> splits;

  [[nodiscard]] const std::vector<int64_t>& split_of(int64_t num_rows) const {
    for (const auto& split : splits) {
      if (std::accumulate(split.begin(), split.end(), int64_t{0}) == num_rows) return split;
    }
    TORCH_CHECK(false, "adapter dropout: ", num_rows, " rows belong to no split of the ",
                keys.size(), " samples");
  }
};

}  // namespace omnigen::adapter
