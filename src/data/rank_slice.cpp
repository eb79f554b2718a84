#include "data/rank_slice.h"

#include <c10/util/Exception.h>

namespace omnigen::data {

std::vector<std::vector<SampleRef>> rank_slice(const std::vector<SampleRef>& global_batch,
                                               const BatchShape& shape, int64_t rank) {
  TORCH_CHECK(std::ssize(global_batch) == shape.global_batch() && rank < shape.world_size,
              "rank_slice: ", global_batch.size(), " samples for a global batch of ",
              shape.global_batch(), ", rank ", rank, " of ", shape.world_size);
  std::vector<std::vector<SampleRef>> micro_batches;
  auto next = global_batch.begin() + rank * shape.micro_batch * shape.accumulation;
  for (int64_t i = 0; i < shape.accumulation; ++i, next += shape.micro_batch) {
    micro_batches.emplace_back(next, next + shape.micro_batch);
  }
  return micro_batches;
}

}  // namespace omnigen::data
