#include "util/seed_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

namespace omnigen::util {
namespace {

using Block = std::array<uint32_t, 4>;
using Key = std::array<uint32_t, 2>;

// Source: Random123 (DEShawResearch/random123) tests/kat_vectors, "philox4x32 10".
TEST(Philox, MatchesRandom123KnownAnswers) {
  EXPECT_EQ(philox4x32(Block{0, 0, 0, 0}, Key{0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32(Block{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                       Key{0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32(Block{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                       Key{0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(SeedStream, SameKeyGivesSameNumbers) {
  SeedStream a(42, "noise", {"set", "a/b.jpg"}, 3);
  SeedStream b(42, "noise", {"set", "a/b.jpg"}, 3);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(a.next_u64(), b.next_u64());
}

TEST(SeedStream, EveryPartOfTheKeyCounts) {
  const std::vector<uint64_t> first = {
      SeedStream(42, "noise", {"set", "path"}, 0).next_u64(),
      SeedStream(43, "noise", {"set", "path"}, 0).next_u64(),
      SeedStream(42, "time", {"set", "path"}, 0).next_u64(),
      SeedStream(42, "noise", {"set2", "path"}, 0).next_u64(),
      SeedStream(42, "noise", {"set", "path2"}, 0).next_u64(),
      SeedStream(42, "noise", {"set", "path"}, 1).next_u64(),
      SeedStream(42, "noise", {"setp", "ath"}, 0).next_u64(),
      SeedStream(42, "noise", {"set"}, 0).next_u64(),
      SeedStream(42, "noise", {"set", "path", ""}, 0).next_u64(),
      SeedStream(4, "2noise", {"set", "path"}, 0).next_u64(),
  };
  EXPECT_EQ(std::set<uint64_t>(first.begin(), first.end()).size(), first.size());
}

// A change of these numbers changes every run: resumed runs would no longer continue.
TEST(SeedStream, NumbersAreFixedForGood) {
  SeedStream stream(42, "noise", {"subject", "images/0001.png"}, 7);
  EXPECT_EQ(stream.next_u32(), 2097945244U);
  EXPECT_EQ(stream.next_u64(), 15737183925857337787U);
  EXPECT_EQ(stream.uniform(), 0.038331114822858559);
  EXPECT_DOUBLE_EQ(stream.normal(), -0.73119945331922287);
}

TEST(SeedStream, UniformIsEvenOverUnitInterval) {
  SeedStream stream(1, "uniform", {});
  constexpr int kBins = 10;
  constexpr int kDraws = 100000;
  std::array<int, kBins> counts{};
  for (int i = 0; i < kDraws; ++i) {
    const double value = stream.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    ++counts[static_cast<size_t>(value * kBins)];
  }
  double chi_squared = 0;
  for (const int count : counts) chi_squared += std::pow(count - kDraws / kBins, 2);
  EXPECT_LT(chi_squared / (kDraws / kBins), 27.9);  // 99.9 % of 9 degrees of freedom
}

TEST(SeedStream, NormalHasItsMoments) {
  SeedStream stream(1, "normal", {});
  std::vector<float> values(200000);
  stream.fill_normal(values);
  std::array<double, 5> moments{};
  for (const double value : values) {
    for (int k = 1; k <= 4; ++k) moments[static_cast<size_t>(k)] += std::pow(value, k) / 200000;
  }
  EXPECT_NEAR(moments[1], 0.0, 0.01);  // 4.5 standard errors each
  EXPECT_NEAR(moments[2], 1.0, 0.015);
  EXPECT_NEAR(moments[3], 0.0, 0.04);
  EXPECT_NEAR(moments[4], 3.0, 0.11);
}

TEST(SeedStream, BelowReachesEveryValueEvenly) {
  SeedStream stream(1, "below", {});
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts.at(stream.below(7));
  for (const int count : counts) EXPECT_NEAR(count, 10000, 450);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(stream.below(1), 0U);
}

TEST(SeedStream, BelowStaysWithinHugeRanges) {
  SeedStream stream(1, "below", {});
  constexpr uint64_t kLimit = (1ULL << 63) + 1;
  for (int i = 0; i < 1000; ++i) ASSERT_LT(stream.below(kLimit), kLimit);
}

TEST(SeedStream, ShuffleIsAPermutation) {
  std::vector<int> items(1000);
  std::iota(items.begin(), items.end(), 0);
  const std::vector<int> before = items;
  SeedStream(1, "shuffle", {}).shuffle(std::span(items));
  EXPECT_NE(items, before);
  std::sort(items.begin(), items.end());
  EXPECT_EQ(items, before);
}

TEST(SeedStream, ShuffleReachesEveryOrderEvenly) {
  std::map<std::vector<int>, int> counts;
  SeedStream stream(1, "shuffle", {});
  for (int i = 0; i < 60000; ++i) {
    std::vector<int> items = {0, 1, 2};
    stream.shuffle(std::span(items));
    ++counts[items];
  }
  EXPECT_EQ(counts.size(), 6U);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 10000, 450);
}

}  // namespace
}  // namespace omnigen::util
