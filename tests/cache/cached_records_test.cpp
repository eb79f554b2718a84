#include "cache/cached_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/cache_fixture.h"
#include "support/temp_dir.h"

namespace omnigen::cache {
namespace {

TEST(ShardName, ReadsBackAndRefusesOthers) {
  const ShardName name{12, 7, false};
  EXPECT_EQ(name.file("a.b"), "a.b-r12-0007.h5");
  EXPECT_EQ(parse_shard_name("a.b-r12-0007.h5", "a.b"), name);
  EXPECT_EQ(parse_shard_name("a.b-r12-0007.h5.part", "a.b"), (ShardName{12, 7, true}));
  EXPECT_EQ(parse_shard_name("a-r0-12345.h5", "a")->number, 12345);
  for (const char* other : {"a-r0.h5", "a-r0-.h5", "a-rx-0000.h5", "a-r0-0000.h5.journal",
                            "a-b-r0-0000.h5", "b-r0-0000.h5", "a-r0-00-0.h5", "a-tokens-1.h5"}) {
    EXPECT_FALSE(parse_shard_name(other, "a")) << other;
  }
}

TEST(CachedRecords, TheLaterShardCounts) {
  test::TempDir dir;
  test::write_fixture_shard(dir.path(), "p", 0, {"a.jpg", "b.jpg"});
  test::write_fixture_shard(dir.path(), "p", 1, {"b.jpg"});
  const CachedRecords cached(dir.path(), {"p-r0-0000.h5", "p-r0-0001.h5"});
  ASSERT_NE(cached.find("b.jpg"), nullptr);
  EXPECT_EQ(cached.find("b.jpg")->shard, 1U);
  EXPECT_EQ(cached.find("a.jpg")->shard, 0U);
  EXPECT_EQ(cached.find("c.jpg"), nullptr);
  EXPECT_EQ(cached.group(*cached.find("a.jpg")).target_width, 16);
}

TEST(CachedRecords, ListsShardsInOrderWithOpenOnes) {
  test::TempDir dir;
  for (const char* name : {"p-r1-0000.h5", "p-r0-0001.h5.part", "p-r0-0000.h5", "q-r0-0000.h5"}) {
    io::write_atomically(dir / name, "");
  }
  EXPECT_THAT(list_shards(dir.path(), "p"),
              ::testing::ElementsAre(ShardName{0, 0, false}, ShardName{0, 1, true},
                                     ShardName{1, 0, false}));
}

TEST(CachedRecords, ForgetsDamagedRecords) {
  test::TempDir dir;
  test::write_fixture_shard(dir.path(), "p", 0, {"a.jpg", "b.jpg"});
  const uint64_t offset = io::ShardReader(dir / "p-r0-0000.h5").groups()[0].offsets.latent;
  std::string bytes = io::read_file(dir / "p-r0-0000.h5");
  bytes[offset] = static_cast<char>(bytes[offset] ^ 1);
  io::write_atomically(dir / "p-r0-0000.h5", bytes);
  CachedRecords cached(dir.path(), {"p-r0-0000.h5"});
  cached.drop_damaged();
  EXPECT_EQ(cached.find("a.jpg"), nullptr);
  EXPECT_NE(cached.find("b.jpg"), nullptr);
}

}  // namespace
}  // namespace omnigen::cache
