#include "train/recompute_plan.h"

#include <gtest/gtest.h>

namespace omnigen::train {
namespace {

using model::Recompute;

// A block's passes take 3 s and keep 10 bytes; selective: 3.5 s and 6; full: 4 s and 1. Two blocks
// of any kind need 5 bytes beside what they keep, full ones what the recomputed block keeps as
// well. The last block takes 2 s less.
LevelCosts all_levels() {
  LevelCosts costs;
  costs[0] = LevelCost{1.0 + 0.5, 3.0, 10, 2 * 10 + 5};
  costs[1] = LevelCost{1.5 + 0.5, 3.5, 6, 2 * 6 + 4 + 5};
  costs[2] = LevelCost{2.0 + 0.5, 4.0, 1, 2 * 1 + 9 + 5};
  return costs;
}

RecomputePlan plan(int64_t budget, int64_t least_full = 0) {
  return plan_recompute(all_levels(), 8, least_full, budget);
}

TEST(RecomputePlan, NothingIsRecomputedWhereEverythingFits) {
  const RecomputePlan found = plan(85);
  EXPECT_TRUE(found.fits);
  EXPECT_EQ(found.count(Recompute::kNone), 8);
  EXPECT_EQ(found.peak_bytes, 8 * 10 + 5);
  EXPECT_DOUBLE_EQ(found.micro_batch_s, 7 * 3.0 + 1.5);
  EXPECT_EQ(describe(found), "nothing");
}

TEST(RecomputePlan, TakesTheLeastTimeThatFits) {
  // One byte short: one block's 0.5 s (selective) saves 4 bytes.
  const RecomputePlan few = plan(84);
  EXPECT_EQ(few.count(Recompute::kSelective), 1);
  EXPECT_EQ(few.count(Recompute::kNone), 7);
  EXPECT_EQ(describe(few), "the MLP's first product of 1 of 8 blocks");
  // Bytes per second decide: a whole block saves 9 a second, the MLP 8.
  for (const int64_t budget : {75, 60, 45, 30}) {
    const RecomputePlan found = plan(budget);
    EXPECT_TRUE(found.fits);
    EXPECT_LE(found.peak_bytes, budget);
    for (int64_t full = 0; full <= 8; ++full) {
      for (int64_t selective = 0; selective + full <= 8; ++selective) {
        const int64_t none = 8 - full - selective;
        const double seconds = full * 4.0 + selective * 3.5 + none * 3.0;
        const int64_t kept = full * 1 + selective * 6 + none * 10;
        const int64_t beside = none > 0 ? 5 : selective > 0 ? 9 : 14;
        if (seconds < found.micro_batch_s + 1.5) {
          EXPECT_GT(kept + beside, budget) << full << " full, " << selective << " selective";
        }
      }
    }
  }
}

TEST(RecomputePlan, WhatIsComputedAgainComesFirst) {
  const RecomputePlan found = plan(50);
  for (size_t i = 1; i < found.of_block.size(); ++i) {
    EXPECT_GE(found.of_block[i - 1], found.of_block[i]);
  }
  EXPECT_EQ(found.of_block.size(), 8U);
}

TEST(RecomputePlan, AtLeastSoManyBlocksAreRecomputedWhole) {
  const RecomputePlan found = plan(1000, 4);
  EXPECT_EQ(found.count(Recompute::kFull), 4);
  EXPECT_EQ(found.count(Recompute::kNone), 4);
  EXPECT_EQ(describe(found), "4 of 8 blocks");
}

TEST(RecomputePlan, WhereNothingFitsTheSmallestIsTaken) {
  const RecomputePlan found = plan(10);
  EXPECT_FALSE(found.fits);
  EXPECT_GE(found.count(Recompute::kFull), 7);  // one that keeps everything comes to the same
  EXPECT_EQ(found.peak_bytes, 8 + 14);
}

TEST(RecomputePlan, UsesOnlyWhatIsMeasured) {
  LevelCosts costs;
  costs[2] = all_levels()[2];
  EXPECT_EQ(plan_recompute(costs, 3, 0, 1000).count(Recompute::kFull), 3);
  costs[0] = all_levels()[0];
  EXPECT_EQ(plan_recompute(costs, 3, 0, 30).count(Recompute::kSelective), 0);
}

}  // namespace
}  // namespace omnigen::train
