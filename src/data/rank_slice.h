// Which samples of a global batch a rank trains, and in which micro-batches.
#pragma once

#include <cstdint>
#include <vector>

#include "data/epoch_order.h"

namespace omnigen::data {

struct BatchShape {
  int64_t micro_batch = 1;  // train_batch_size, samples per rank and micro-step
  int64_t accumulation = 1;
  int64_t world_size = 1;

  [[nodiscard]] int64_t global_batch() const { return micro_batch * accumulation * world_size; }
};

// Rank r gets samples [r·E/P, (r+1)·E/P), as `accumulation` micro-batches in order.
std::vector<std::vector<SampleRef>> rank_slice(const std::vector<SampleRef>& global_batch,
                                               const BatchShape& shape, int64_t rank);

}  // namespace omnigen::data
