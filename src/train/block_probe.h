// What a block of the model costs here and now, by running few of them.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "model/omnigen_transformer.h"
#include "train/recompute_plan.h"

namespace omnigen::train {

struct BlockProbe {
  model::OmniGenTransformer& transformer;
  const model::MicroBatch& batch;
  std::function<std::vector<at::Tensor>(int64_t block)> leaves_of_block;

  // Runs both passes of the model cut to one block and to two, some times; the least of the times
  // counts. Adds to the gradients, and leaves the model with `level` in its first blocks.
  [[nodiscard]] LevelCost measure(model::Recompute level) const;

 private:
  struct Passes {
    double seconds = 0.0;
    int64_t kept = 0;  // bytes between the passes
    int64_t peak = 0;
  };
  [[nodiscard]] Passes run(int64_t num_blocks) const;
  // Of one block and of `depth`.
  [[nodiscard]] std::pair<Passes, Passes> least_of_some(int64_t depth) const;
};

}  // namespace omnigen::train
