#include "optim/weight_partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace omnigen::optim {
namespace {

using ::testing::ElementsAre;

std::vector<int64_t> held(const std::vector<int64_t>& sizes, int num_ranks) {
  std::vector<int64_t> totals(static_cast<size_t>(num_ranks), 0);
  const std::vector<int> owners = partition(sizes, num_ranks);
  for (size_t i = 0; i < sizes.size(); ++i) totals[static_cast<size_t>(owners[i])] += sizes[i];
  return totals;
}

TEST(WeightPartition, LargestFirstToWhoHasLeast) {
  EXPECT_THAT(partition({1, 10, 4, 5}, 2), ElementsAre(1, 0, 1, 1));
  EXPECT_THAT(partition({3, 3, 3}, 3), ElementsAre(0, 1, 2));
}

TEST(WeightPartition, OneRankOwnsEverything) {
  EXPECT_THAT(partition({1, 10, 4}, 1), ElementsAre(0, 0, 0));
}

TEST(WeightPartition, RanksDifferByNoMoreThanTheLargestTensor) {
  std::vector<int64_t> sizes = {98'500'608};  // the published model's embeddings, and its blocks
  for (int block = 0; block < 32; ++block) {
    sizes.insert(sizes.end(),
                 {9'437'184, 9'437'184, 9'437'184, 9'437'184, 50'331'648, 25'165'824, 3072, 3072});
  }
  for (const int ranks : {2, 3, 8, 16}) {
    const std::vector<int64_t> totals = held(sizes, ranks);
    const auto [least, most] = std::minmax_element(totals.begin(), totals.end());
    EXPECT_LE(*most - *least, sizes.front()) << ranks;
    EXPECT_GT(*least, 0) << ranks;
  }
}

TEST(WeightPartition, EveryRankGetsATensorWhereThereAreEnough) {
  for (const int64_t total : held({1, 1000, 1, 1, 1}, 5)) EXPECT_GT(total, 0);
}

}  // namespace
}  // namespace omnigen::optim
