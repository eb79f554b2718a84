#include "data/cache_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/cache_fixture.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

CacheIndex sample() {
  CacheIndex index;
  index.dataset_id = "pictures";
  index.fingerprints = {Fingerprint::of({{"resolution", 0.262144}}), Fingerprint::of({{"v", 2}}),
                        Fingerprint::of({{"t", 3}}), Fingerprint::of({{"c", 4}})};
  index.vae_files = {{"vae.safetensors", {10, 20}}};
  IndexedShard shard;
  static_cast<IndexedFile&>(shard) = {"pictures-r0-0000.h5", 123, "00ff00ff00ff00ff"};
  shard.records = {{"1.0", 2}, {"1.5", 1}};
  shard.excluded = {{0, {1, 4}}};
  index.shards = {shard};
  index.tokens = {"pictures-tokens-ab.h5", 5, "1"};
  index.tokens_digest = "ab";
  index.buckets = {{"1.0", 64, 64, 2}, {"1.5", 96, 64, 1}};
  index.counters = {{"listed", 5}, {"too_small", 1}};
  index.failed = {{"bad\xff.jpg", "truncated"}};
  return index;
}

std::string read_error(const std::filesystem::path& folder) {
  try {
    CacheIndex::read(folder, "pictures");
  } catch (const util::DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(CacheIndex, ReadsWhatWasWritten) {
  test::TempDir dir;
  const CacheIndex index = sample();
  EXPECT_TRUE(index.write(dir.path()));
  const CacheIndex found = CacheIndex::read(dir.path(), "pictures");
  EXPECT_EQ(found.fingerprints.image.sha256, index.fingerprints.image.sha256);
  EXPECT_EQ(found.fingerprints.caption.members, index.fingerprints.caption.members);
  EXPECT_EQ(found.vae_files, index.vae_files);
  EXPECT_EQ(found.shards, index.shards);
  EXPECT_EQ(found.tokens, index.tokens);
  EXPECT_EQ(found.buckets, index.buckets);
  EXPECT_EQ(found.counters, index.counters);
  EXPECT_EQ(found.failed, index.failed);
  EXPECT_EQ(found.num_records(), 3);
  EXPECT_EQ(found.content_hash(), index.content_hash());
}

TEST(CacheIndex, AnEqualIndexIsNotWrittenAgain) {
  test::TempDir dir;
  static_cast<void>(sample().write(dir.path()));
  EXPECT_FALSE(sample().write(dir.path()));
}

TEST(CacheIndex, ContentHashFollowsMembershipOnly) {
  CacheIndex index = sample();
  index.counters["listed"] = 6;
  EXPECT_EQ(index.content_hash(), sample().content_hash());
  index.shards[0].excluded[0] = {1};
  EXPECT_NE(index.content_hash(), sample().content_hash());
}

TEST(CacheIndex, RejectsDamagedTextAndOtherVersions) {
  test::TempDir dir;
  static_cast<void>(sample().write(dir.path()));
  const auto path = CacheIndex::path(dir.path(), "pictures");
  const std::string text = io::read_file(path);
  io::write_atomically(path, text.substr(0, text.size() / 2));
  EXPECT_THAT(read_error(dir.path()), HasSubstr("damaged"));
  std::string other = text;
  other.replace(other.find("\"version\": 1"), 12, "\"version\": 8");
  io::write_atomically(path, other);
  EXPECT_THAT(read_error(dir.path()), HasSubstr("version 8"));
}

TEST(CacheIndex, ListsTheCachesOfAFolder) {
  test::TempDir dir;
  static_cast<void>(sample().write(dir.path()));
  io::write_atomically(dir / "a.index.json", "{}");
  io::write_atomically(dir / "a.scan.json", "{}");
  EXPECT_THAT(CacheIndex::ids_in(dir.path()), ElementsAre("a", "pictures"));
}

TEST(Fingerprint, IsOfCanonicalJson) {
  EXPECT_EQ(Fingerprint::of({{"b", 1}, {"a", "x"}}).sha256, util::sha256_hex(R"({"a":"x","b":1})"));
}

TEST(Fingerprint, DifferencesAreNamedMemberByMember) {
  const auto cached = Fingerprint::of({{"a", 1}, {"b", "x"}, {"gone", true}});
  const auto current = Fingerprint::of({{"a", 1}, {"b", "y"}, {"new", 0.5}});
  EXPECT_THAT(differing_members(cached, current),
              ElementsAre("b: cached \"x\", now \"y\"", "gone: cached true, now null",
                          "new: cached null, now 0.5"));
}

TEST(PathJson, KeepsAnyBytes) {
  for (const std::string path : {"a/b.jpg", "caf\xc3\xa9.png", "caf\xe9.png"}) {
    const nlohmann::json json = nlohmann::json::parse(path_to_json(path).dump());
    EXPECT_EQ(path_from_json(json), path);
  }
  EXPECT_EQ(printable_path("caf\xe9.png"), "caf\\xe9.png");
}

}  // namespace
}  // namespace omnigen::data
