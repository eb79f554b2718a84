#include "data/rank_slice.h"

#include <gtest/gtest.h>

namespace omnigen::data {
namespace {

std::vector<SampleRef> numbered(int64_t count) {
  std::vector<SampleRef> samples;
  for (int64_t i = 0; i < count; ++i) samples.push_back({0, i, 0});
  return samples;
}

TEST(RankSlice, CoversTheGlobalBatchOnceAtAnyNumberOfRanks) {
  const auto batch = numbered(12);
  for (const auto& [world, accumulation] : {std::pair{1, 12}, {2, 6}, {3, 4}, {4, 3}}) {
    std::vector<SampleRef> seen;
    for (int64_t rank = 0; rank < world; ++rank) {
      for (const auto& micro : rank_slice(batch, {1, accumulation, world}, rank)) {
        seen.insert(seen.end(), micro.begin(), micro.end());
      }
    }
    EXPECT_EQ(seen, batch) << world << " ranks";
  }
}

TEST(RankSlice, CutsMicroBatchesInOrder) {
  const auto slices = rank_slice(numbered(12), {3, 2, 2}, 1);
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[0].front().record, 6);
  EXPECT_EQ(slices[1].front().record, 9);
}

TEST(RankSlice, RefusesAnotherNumberOfSamples) {
  EXPECT_ANY_THROW(rank_slice(numbered(11), {1, 4, 3}, 0));
}

}  // namespace
}  // namespace omnigen::data
