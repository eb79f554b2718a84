#include "train/recompute_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace omnigen::train {
namespace {

using model::Recompute;

constexpr std::array kFromFirstBlock = {Recompute::kFull, Recompute::kSelective, Recompute::kNone};

const std::optional<LevelCost>& cost_of(const LevelCosts& costs, Recompute level) {
  return costs[static_cast<size_t>(level)];
}

// `counts`: blocks at each of kFromFirstBlock.
RecomputePlan plan_of(const LevelCosts& costs, const std::array<int64_t, kNumLevels>& counts) {
  RecomputePlan plan;
  int64_t kept = 0;  // of the blocks so far
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const Recompute level = kFromFirstBlock[i];
    const LevelCost& cost = *cost_of(costs, level);
    plan.of_block.insert(plan.of_block.end(), static_cast<size_t>(counts[i]), level);
    kept += counts[i] * cost.further_kept;
    // While the last of these is in its backward pass, the others of two blocks are in `kept`.
    plan.peak_bytes =
        std::max(plan.peak_bytes, kept - 2 * cost.further_kept + cost.two_blocks_peak);
    plan.micro_batch_s += static_cast<double>(counts[i]) * cost.further_s;
  }
  // The last block asks for the image rows only.
  const LevelCost& last = *cost_of(costs, plan.of_block.back());
  plan.micro_batch_s += last.one_block_s - last.further_s;
  return plan;
}

bool is_measured(const LevelCosts& costs, const std::array<int64_t, kNumLevels>& counts) {
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0 && !cost_of(costs, kFromFirstBlock[i])) return false;
  }
  return true;
}

bool is_better(const RecomputePlan& plan, const RecomputePlan& best) {
  if (plan.fits != best.fits) return plan.fits;
  if (!plan.fits) return plan.peak_bytes < best.peak_bytes;
  return plan.micro_batch_s < best.micro_batch_s;
}

}  // namespace

int64_t RecomputePlan::count(Recompute level) const {
  return std::count(of_block.begin(), of_block.end(), level);
}

RecomputePlan plan_recompute(const LevelCosts& costs, int64_t num_blocks, int64_t least_full,
                             int64_t budget) {
  std::optional<RecomputePlan> best;
  for (int64_t full = least_full; full <= num_blocks; ++full) {
    for (int64_t selective = 0; selective <= num_blocks - full; ++selective) {
      const std::array counts = {full, selective, num_blocks - full - selective};
      if (!is_measured(costs, counts)) continue;
      RecomputePlan plan = plan_of(costs, counts);
      plan.fits = plan.peak_bytes <= budget;
      if (!best || is_better(plan, *best)) best = std::move(plan);
    }
  }
  return best.value();
}

std::string describe(const RecomputePlan& plan) {
  const int64_t full = plan.count(Recompute::kFull);
  const int64_t selective = plan.count(Recompute::kSelective);
  if (full == 0 && selective == 0) return "nothing";
  if (selective == 0) return fmt::format("{} of {} blocks", full, plan.of_block.size());
  const std::string part = fmt::format("the MLP's first product of {}", selective);
  return full == 0 ? fmt::format("{} of {} blocks", part, plan.of_block.size())
                   : fmt::format("{} of {} blocks, and {}", full, plan.of_block.size(), part);
}

}  // namespace omnigen::train
