#include "data/epoch_order.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "data/share_out.h"
#include "support/memory_dataset.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

constexpr uint64_t kSeed = 42;

// `num` records spread over the given square sizes.
DatasetPtr make_set(const std::string& id, int64_t num, const std::vector<int64_t>& sizes) {
  auto set = std::make_shared<test::MemoryDataset>(id);
  for (int64_t i = 0; i < num; ++i) {
    const int64_t size = sizes[static_cast<size_t>(i) % sizes.size()];
    set->add(fmt::format("{:04}.png", i), size, size);
  }
  return set;
}

std::vector<TrainSet> mixed_sets() {
  return {{make_set("a", 7, {64, 128}), 2},
          {make_set("b", 13, {64, 96, 160}), 0},
          {make_set("c", 29, {128, 96, 64, 32, 160}), 1}};
}

using Ledger = std::map<std::tuple<int32_t, int64_t, uint64_t>, int>;

void record(Ledger& ledger, const std::vector<SampleRef>& samples) {
  for (const SampleRef& s : samples) ++ledger[{s.dataset, s.record, s.draw}];
}

// Every draw up to `epochs` exactly once.
void expect_complete(const Ledger& ledger, const std::vector<TrainSet>& sets, int64_t epochs) {
  size_t expected = 0;
  for (size_t set = 0; set < sets.size(); ++set) {
    const auto draws = static_cast<uint64_t>(epochs * (sets[set].repeats + 1));
    for (int64_t i = 0; i < sets[set].dataset->size(); ++i) {
      for (uint64_t draw = 0; draw < draws; ++draw, ++expected) {
        const auto found = ledger.find({static_cast<int32_t>(set), i, draw});
        EXPECT_TRUE(found != ledger.end() && found->second == 1)
            << "set " << set << " record " << i << " draw " << draw;
      }
    }
  }
  EXPECT_EQ(ledger.size(), expected);
}

class GlobalBatchTest : public ::testing::TestWithParam<int64_t> {};

TEST_P(GlobalBatchTest, DrawsEverySampleOnceAnEpoch) {
  const auto sets = mixed_sets();
  SampleStream stream(sets, kSeed, GetParam());
  std::vector<SampleRef> drawn;
  const int64_t wanted = 3 * samples_per_epoch(sets);
  while (std::ssize(drawn) < wanted) {
    const auto batch = stream.next_batch();
    ASSERT_EQ(std::ssize(batch), GetParam());
    drawn.insert(drawn.end(), batch.begin(), batch.end());
  }
  drawn.resize(static_cast<size_t>(wanted));
  Ledger ledger;
  record(ledger, drawn);
  expect_complete(ledger, sets, 3);
}

TEST_P(GlobalBatchTest, CutsAsManyRunsOfOneSizeAsTheEndsAllow) {
  const auto sets = mixed_sets();
  const int64_t batch = GetParam();
  std::map<int64_t, int64_t> members;
  for (const TrainSet& set : sets) {
    for (int64_t i = 0; i < set.dataset->size(); ++i) {
      members[set.dataset->meta(i).target_width] += set.repeats + 1;
    }
  }
  int64_t possible = 0;
  for (const auto& [size, count] : members) possible += count / batch;

  const auto order = epoch_order(sets, kSeed, {0, {{batch, 0, 0}}, 0});
  int64_t uniform = 0;
  for (int64_t begin = 0; begin + batch <= std::ssize(order); begin += batch) {
    std::set<int64_t> sizes;
    for (int64_t i = begin; i < begin + batch; ++i) {
      const SampleRef& s = order[static_cast<size_t>(i)];
      sizes.insert(sets[static_cast<size_t>(s.dataset)].dataset->meta(s.record).target_width);
    }
    uniform += sizes.size() == 1 ? 1 : 0;
  }
  EXPECT_GE(uniform, possible);
}

INSTANTIATE_TEST_SUITE_P(Sizes, GlobalBatchTest, ::testing::Values(1, 2, 5, 12, 16, 64, 200));

TEST(EpochOrder, DiffersBetweenEpochsAndSeeds) {
  const auto sets = mixed_sets();
  const auto first = epoch_order(sets, kSeed, {0, {{4, 0, 0}}, 0});
  EXPECT_NE(first, epoch_order(sets, kSeed + 1, {0, {{4, 0, 0}}, 0}));
  auto second = epoch_order(sets, kSeed, {1, {{4, 0, 0}}, 0});
  for (SampleRef& s : second) s.draw = 0;
  auto first_without_draws = first;
  for (SampleRef& s : first_without_draws) s.draw = 0;
  EXPECT_NE(first_without_draws, second);
}

TEST(SampleStream, ContinuesFromASavedCursor) {
  const auto sets = mixed_sets();
  SampleStream straight(sets, kSeed, 12);
  SampleStream first_half(sets, kSeed, 12);
  for (int i = 0; i < 17; ++i) {
    straight.next_batch();
    first_half.next_batch();
  }
  const nlohmann::json saved = first_half.cursor();
  SampleStream second_half(sets, kSeed, 12, saved.get<Cursor>());
  for (int i = 0; i < 17; ++i) EXPECT_EQ(straight.next_batch(), second_half.next_batch());
  EXPECT_EQ(straight.cursor(), second_half.cursor());
}

TEST(SampleStream, AnotherGlobalBatchRecutsTheRestOfTheEpoch) {
  const auto sets = mixed_sets();
  Ledger ledger;
  Cursor cursor;
  for (const int64_t batch : {12, 5, 9}) {
    SampleStream stream(sets, kSeed, batch, cursor);
    for (int i = 0; i < 2; ++i) record(ledger, stream.next_batch());
    cursor = stream.cursor();
  }
  SampleStream last(sets, kSeed, 1, cursor);
  while (last.cursor().samples_seen < samples_per_epoch(sets)) record(ledger, last.next_batch());
  expect_complete(ledger, sets, 1);
}

TEST(SampleStream, RefusesEmptyData) {
  const std::vector<TrainSet> sets = {{make_set("a", 0, {64}), 3}};
  EXPECT_THROW(SampleStream(sets, kSeed, 2), util::DataError);
}

TEST(SampleStream, RefusesAPositionOutsideTheEpoch) {
  const std::vector<TrainSet> sets = {{make_set("a", 3, {64}), 0}};
  EXPECT_THROW(SampleStream(sets, kSeed, 2, {0, {{2, 0, 4}}, 4}), util::DataError);
}

}  // namespace
}  // namespace omnigen::data
