#include "data/share_out.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

namespace omnigen::data {
namespace {

// Each place once.
void expect_complete(const Shares& shares, const BatchShape& shape) {
  ASSERT_EQ(std::ssize(shares), shape.world_size);
  std::multiset<int64_t> seen;
  for (const auto& micro_batches : shares) {
    EXPECT_LE(std::ssize(micro_batches), shape.accumulation);
    EXPECT_FALSE(micro_batches.empty());
    for (const auto& places : micro_batches) {
      EXPECT_FALSE(places.empty());
      EXPECT_TRUE(std::is_sorted(places.begin(), places.end()));
      seen.insert(places.begin(), places.end());
    }
  }
  ASSERT_EQ(std::ssize(seen), shape.global_batch());
  int64_t expected = 0;
  for (const int64_t place : seen) EXPECT_EQ(place, expected++);
}

TEST(ShareOut, EqualSamplesStayInOrder) {
  for (const auto& [world, accumulation] : {std::pair{1, 12}, {2, 6}, {3, 4}, {4, 3}}) {
    const BatchShape shape{1, accumulation, world};
    const Shares shares = share_out(std::vector<double>(12, 2.5), shape);
    expect_complete(shares, shape);
    int64_t next = 0;
    for (const auto& micro_batches : shares) {
      EXPECT_EQ(std::ssize(micro_batches), accumulation);
      for (const auto& places : micro_batches) EXPECT_EQ(places, std::vector<int64_t>{next++});
    }
  }
}

TEST(ShareOut, MicroBatchesOfEqualSamplesAreRuns) {
  const Shares shares = share_out(std::vector<double>(12, 1.0), {3, 2, 2});
  EXPECT_EQ(shares[1][0], (std::vector<int64_t>{6, 7, 8}));
  EXPECT_EQ(shares[1][1], (std::vector<int64_t>{9, 10, 11}));
}

TEST(ShareOut, CostlySamplesAreSpread) {
  // Three of five times the work of the others, in a row.
  const std::vector<double> costs = {5, 5, 5, 1, 1, 1, 1, 1};
  const BatchShape shape{4, 1, 2};
  const Shares shares = share_out(costs, shape);
  expect_complete(shares, shape);
  EXPECT_NEAR(imbalance(shares, costs), 1.0, 1e-12);
  EXPECT_NEAR(imbalance({{{0, 1, 2, 3}}, {{4, 5, 6, 7}}}, costs), 1.6, 1e-12);
}

// Of Graham's example: greatest first alone gives 11 of at least 9.
TEST(ShareOut, ChangesPlacesWhereGreatestFirstIsNotTheBest) {
  const std::vector<double> costs = {5, 5, 4, 4, 3, 3, 3, 0};
  const Shares shares = share_out(costs, {4, 1, 2});
  EXPECT_LE(imbalance(shares, costs) * 13.5, 14.0 + 1e-12);
}

// The mixed sizes that matter: 1024 and 512 pixels, as many samples as ranks take in practice.
TEST(ShareOut, RanksOfMixedSizesAreWithinThreePercent) {
  std::mt19937 random(7);
  for (const auto& [world, micro_batch] : {std::pair{2, 8}, {4, 8}, {8, 8}, {8, 16}}) {
    double mean = 0.0;
    constexpr int kBatches = 50;
    for (int i = 0; i < kBatches; ++i) {
      const BatchShape shape{micro_batch, 1, world};
      std::vector<double> costs;
      for (int64_t k = 0; k < shape.global_batch(); ++k) {
        const double words = std::uniform_real_distribution<double>(0.0, 0.1)(random);
        costs.push_back(random() % 2 == 0 ? 1.0 + words : 4.6 + words);
      }
      const Shares shares = share_out(costs, shape);
      expect_complete(shares, shape);
      mean += imbalance(shares, costs) / kBatches;
    }
    EXPECT_LT(mean, 1.03) << world << " ranks of " << micro_batch;
  }
}

TEST(ShareOut, MicroBatchesOfARankAreBalancedToo) {
  const std::vector<double> costs = {4, 4, 1, 1, 1, 1, 1, 1};
  const Shares shares = share_out(costs, {4, 2, 1});
  ASSERT_EQ(shares[0].size(), 2U);
  for (const auto& places : shares[0]) {
    double sum = 0;
    for (const int64_t place : places) sum += costs[static_cast<size_t>(place)];
    EXPECT_EQ(sum, 7.0);
  }
}

// Whatever the sizes: no micro-batch over its tokens but a sample that is longer, at most 11/9 of
// the fewest plus one (first-fit decreasing), and what a rank has does not depend on it.
TEST(ShareOut, FillsMicroBatchesByTokens) {
  std::mt19937 random(3);
  for (int i = 0; i < 50; ++i) {
    BatchShape shape{4, 4, 2};
    std::vector<double> tokens;
    std::vector<double> costs;
    for (int64_t k = 0; k < shape.global_batch(); ++k) {
      tokens.push_back(random() % 2 == 0 ? 300.0 + random() % 50 : 1100.0 + random() % 50);
      costs.push_back(tokens.back() * tokens.back());
    }
    const Shares by_count = share_out(costs, shape);
    shape.most_tokens = i % 5 == 0 ? 1000 : 4000;
    const Shares by_tokens = share_out(costs, shape, tokens);
    for (size_t rank = 0; rank < 2; ++rank) {
      std::multiset<int64_t> before;
      std::multiset<int64_t> after;
      for (const auto& places : by_count[rank]) before.insert(places.begin(), places.end());
      double total = 0.0;
      for (const auto& places : by_tokens[rank]) {
        double sum = 0.0;
        for (const int64_t place : places) sum += tokens[static_cast<size_t>(place)];
        EXPECT_TRUE(sum <= static_cast<double>(shape.most_tokens) || places.size() == 1) << sum;
        EXPECT_TRUE(std::is_sorted(places.begin(), places.end()));
        after.insert(places.begin(), places.end());
        total += sum;
      }
      EXPECT_EQ(before, after);
      if (shape.most_tokens == 4000) {
        const double fewest = std::ceil(total / 4000.0);
        EXPECT_LE(static_cast<double>(by_tokens[rank].size()), fewest * 11 / 9 + 1);
      }
    }
  }
}

TEST(ShareOut, EqualSamplesFillMicroBatchesInOrder) {
  const Shares shares =
      share_out(std::vector<double>(6, 1.0), {1, 6, 1, 2100}, std::vector<double>(6, 1000.0));
  EXPECT_EQ(shares[0], (std::vector<std::vector<int64_t>>{{0, 1}, {2, 3}, {4, 5}}));
  EXPECT_ANY_THROW(share_out(std::vector<double>(6, 1.0), {1, 6, 1, 2100}));
}

TEST(ShareOut, RefusesAnotherNumberOfSamples) {
  EXPECT_ANY_THROW(share_out(std::vector<double>(11, 1.0), {1, 4, 3}));
}

}  // namespace
}  // namespace omnigen::data
