#include "cache/encode_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::cache {
namespace {

data::SourceSettings settings() {
  data::SourceSettings settings;
  settings.crop.resolution = 0.004096;
  settings.crop.alignment = 16;
  settings.crop.crop_style = data::CropStyle::kCenter;
  return settings;
}

std::vector<WorkItem> work(int64_t count) {
  std::vector<WorkItem> items;
  for (int64_t i = 0; i < count; ++i) {
    const data::PixelSize size = i % 3 == 0 ? data::PixelSize{100, 100} : data::PixelSize{150, 100};
    items.push_back({{fmt::format("{:03}.jpg", i), {static_cast<uint64_t>(i), i}}, size});
  }
  return items;
}

ShardRules rules(int64_t ranks) {
  ShardRules rules;
  rules.dataset_id = "p";
  rules.num_ranks = ranks;
  return rules;
}

TEST(EncodePlan, DealsEveryImageOnce) {
  for (const int64_t ranks : {1, 2, 3, 5}) {
    std::multiset<std::string> paths;
    std::map<int64_t, int64_t> by_rank;
    for (const PlannedShard& shard : plan_shards(work(50), settings(), rules(ranks))) {
      by_rank[shard.name.rank] += shard.plan.num_records();
      for (size_t g = 0; g < shard.records.size(); ++g) {
        EXPECT_EQ(shard.records[g].size(), shard.plan.groups[g].paths.size());
        for (const PlannedRecord& record : shard.records[g]) {
          paths.insert(record.item.file.path);
          EXPECT_EQ(record.crop.bucket, shard.plan.groups[g].bucket);
          EXPECT_EQ(record.crop.target.width, shard.plan.groups[g].target_width);
        }
      }
    }
    EXPECT_EQ(paths.size(), 50U);
    EXPECT_EQ(std::set<std::string>(paths.begin(), paths.end()).size(), 50U);
    for (const auto& [rank, count] : by_rank) EXPECT_NEAR(count, 50.0 / ranks, 1.0);
  }
}

TEST(EncodePlan, IsTheSameEveryTime) {
  const auto first = plan_shards(work(20), settings(), rules(2));
  const auto second = plan_shards(unpack_work(pack_work(work(20))), settings(), rules(2));
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].plan.digest(), second[i].plan.digest());
  }
}

TEST(EncodePlan, BoundsShardsByRecordsAndBytes) {
  ShardRules small = rules(1);
  small.max_records = 7;
  for (const PlannedShard& shard : plan_shards(work(50), settings(), small)) {
    EXPECT_LE(shard.plan.num_records(), 7);
  }
  ShardRules narrow = rules(1);
  narrow.max_bytes = 4 * 8 * 8 * 2 * 3;
  const auto shards = plan_shards(work(50), settings(), narrow);
  EXPECT_GE(shards.size(), 16U);
  for (const PlannedShard& shard : shards) EXPECT_LE(shard.plan.num_records(), 4);
}

TEST(EncodePlan, NumbersGoOnAfterTheShardsThatAreThere) {
  ShardRules later = rules(2);
  later.first_number = next_numbers({{0, 4, false}, {0, 2, false}});
  const auto shards = plan_shards(work(4), settings(), later);
  ASSERT_EQ(shards.size(), 2U);
  EXPECT_EQ(shards[0].name.number, 5);
  EXPECT_EQ(shards[1].name.number, 0);
}

TEST(EncodePlan, AFullFileSystemIsMetBeforeTheStart) {
  test::TempDir dir;
  EXPECT_NO_THROW(require_space(dir.path(), 1000));
  try {
    require_space(dir.path(), uint64_t{1} << 60);
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::AllOf(::testing::HasSubstr("MB free"),
                                               ::testing::HasSubstr(dir.path().string())));
  }
}

TEST(EncodePlan, WorkOfAnyBytesTravels) {
  std::vector<WorkItem> items = work(1);
  items[0].file.path = "caf\xe9.jpg";
  EXPECT_EQ(unpack_work(pack_work(items))[0].file.path, items[0].file.path);
}

}  // namespace
}  // namespace omnigen::cache
