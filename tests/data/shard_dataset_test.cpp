#include "data/shard_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/cache_fixture.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

namespace fs = std::filesystem;
using test::write_fixture_cache;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kCommand = "omnigen-cache build --config my.json";

CacheLocation location(const test::TempDir& dir) {
  return {dir.path(), "pictures", kCommand};
}

std::string open_error(const test::TempDir& dir) {
  try {
    ShardDataset dataset(location(dir));
  } catch (const util::DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ShardDataset, IsSortedByPathOverAllShards) {
  test::TempDir dir;
  write_fixture_cache(dir.path(), "pictures", {{"b.jpg", "z.png"}, {"a.jpg", "sub/c.jpg"}});
  const ShardDataset dataset(location(dir));
  std::vector<std::string> paths;
  for (int64_t i = 0; i < dataset.size(); ++i) paths.push_back(dataset.meta(i).path);
  EXPECT_THAT(paths, ElementsAre("a.jpg", "b.jpg", "sub/c.jpg", "z.png"));
  EXPECT_EQ(dataset.id(), "pictures");
  EXPECT_EQ(dataset.meta(0).bucket, "1.0");
  EXPECT_EQ(dataset.meta(0).target_width, 16);
  EXPECT_EQ(dataset.meta(0).num_captions, 2);
}

TEST(ShardDataset, GivesLatentCaptionAndTokensOfTheRecord) {
  test::TempDir dir;
  write_fixture_cache(dir.path(), "pictures", {{"b.jpg", "z.png"}, {"a.jpg"}});
  const ShardDataset dataset(location(dir));
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const std::string& path = dataset.meta(i).path;
    EXPECT_TENSOR_EQ(dataset.latent(i), test::fixture_latent(path));
    EXPECT_EQ(dataset.caption(i, 0), "caption of " + path);
    EXPECT_EQ(dataset.caption(i, 1), "");
    EXPECT_THAT(dataset.token_ids(i, 0), ElementsAre(1, 7));
  }
}

TEST(ShardDataset, ExcludedRecordsDoNotCount) {
  test::TempDir dir;
  const auto index = write_fixture_cache(dir.path(), "pictures", {{"a.jpg", "b.jpg"}}, 0);
  const ShardDataset dataset(location(dir));
  ASSERT_EQ(dataset.size(), 1);
  EXPECT_EQ(dataset.meta(0).path, "b.jpg");
  EXPECT_EQ(dataset.fingerprint(), index.content_hash());
}

TEST(ShardDataset, AMissingCacheNamesTheCommand) {
  test::TempDir dir;
  EXPECT_THAT(open_error(dir),
              AllOf(HasSubstr("'pictures'"), HasSubstr("there is no cache"), HasSubstr(kCommand)));
}

TEST(ShardDataset, AnUnfinishedCacheNamesTheCommand) {
  test::TempDir dir;
  write_fixture_cache(dir.path(), "pictures", {{"a.jpg"}});
  io::write_atomically(dir / "pictures-r0-0001.h5.part", "");
  EXPECT_THAT(open_error(dir), AllOf(HasSubstr("1 open shards"), HasSubstr(kCommand)));
  fs::remove(CacheIndex::path(dir.path(), "pictures"));
  EXPECT_THAT(open_error(dir), HasSubstr("unfinished"));
}

TEST(ShardDataset, AMissingShardIsNamed) {
  test::TempDir dir;
  write_fixture_cache(dir.path(), "pictures", {{"a.jpg"}, {"b.jpg"}});
  fs::remove(dir / "pictures-r0-0001.h5");
  EXPECT_THAT(open_error(dir),
              AllOf(HasSubstr("1 of 2"), HasSubstr("pictures-r0-0001.h5"), HasSubstr(kCommand)));
}

TEST(ShardDataset, ATruncatedShardIsNamed) {
  test::TempDir dir;
  write_fixture_cache(dir.path(), "pictures", {{"a.jpg"}});
  fs::resize_file(dir / "pictures-r0-0000.h5", 1000);
  EXPECT_THAT(open_error(dir), AllOf(HasSubstr("truncated"), HasSubstr(kCommand)));
}

TEST(ShardDataset, AForeignShardIsNamed) {
  test::TempDir dir;
  CacheIndex index = write_fixture_cache(dir.path(), "pictures", {{"a.jpg"}});
  index.fingerprints.vae = Fingerprint::of({{"another", 1}});
  static_cast<void>(index.write(dir.path()));
  EXPECT_THAT(open_error(dir), HasSubstr("another cache"));
}

TEST(ShardDataset, ForeignTokensAreRefused) {
  test::TempDir dir;
  CacheIndex index = write_fixture_cache(dir.path(), "pictures", {{"a.jpg"}});
  index.tokens_digest = "other";
  static_cast<void>(index.write(dir.path()));
  EXPECT_THAT(open_error(dir), HasSubstr("does not belong"));
}

TEST(ShardDataset, AFlippedByteIsFoundWhenTheRecordIsRead) {
  test::TempDir dir;
  write_fixture_cache(dir.path(), "pictures", {{"a.jpg", "b.jpg"}});
  const ShardDataset dataset(location(dir));
  const uint64_t offset = dataset.shards()[0].groups()[0].offsets.latent;
  std::string bytes = io::read_file(dir / "pictures-r0-0000.h5");
  bytes[offset + 3] = static_cast<char>(bytes[offset + 3] ^ 1);
  io::write_atomically(dir / "pictures-r0-0000.h5", bytes);
  const ShardDataset damaged(location(dir));
  EXPECT_NO_THROW(damaged.latent(1));
  try {
    static_cast<void>(damaged.latent(0));
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("a.jpg"));
  }
}

}  // namespace
}  // namespace omnigen::data
