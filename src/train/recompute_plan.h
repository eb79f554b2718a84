// Which blocks compute what again in the backward pass: the fastest way within a memory budget.
//
// Source: arXiv:1604.06174 (activation checkpointing), arXiv:2205.05198 (selective recomputation).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/recompute.h"

namespace omnigen::train {

// What one micro-batch costs with every block at one level, measured on few blocks.
struct LevelCost {
  double one_block_s = 0.0;     // of the model cut to one block, both passes
  double further_s = 0.0;       // that each further block adds
  int64_t further_kept = 0;     // bytes that each further block keeps between the passes
  int64_t two_blocks_peak = 0;  // bytes of all tensors, of the model cut to two blocks
};

inline constexpr size_t kNumLevels = 3;
// By model::Recompute; absent ones have not been measured and are not used.
using LevelCosts = std::array<std::optional<LevelCost>, kNumLevels>;

struct RecomputePlan {
  std::vector<model::Recompute> of_block;
  double micro_batch_s = 0.0;
  int64_t peak_bytes = 0;  // of the tensors of a micro-batch
  bool fits = true;

  [[nodiscard]] int64_t count(model::Recompute level) const;
};

// The fastest plan whose peak is within `budget` bytes and in which at least `least_full` blocks
// are recomputed whole; where there is none, the smallest one, and `fits` is false. Blocks that
// compute more again come first: when the backward pass reaches them, what the later ones kept is
// gone. At least one level must have been measured.
RecomputePlan plan_recompute(const LevelCosts& costs, int64_t num_blocks, int64_t least_full,
                             int64_t budget);

// "nothing", "20 of 32 blocks, and the MLP's first product of 4".
std::string describe(const RecomputePlan& plan);

}  // namespace omnigen::train
