#include "train/state_shards.h"

#include <gtest/gtest.h>

#include "io/safetensors_reader.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

TEST(StateShards, OneRankWritesOneFileWithoutAnIndex) {
  const test::TempDir dir;
  const auto part = write_shard(dir.path(), "optimizer", {0, 1}, {{"a", at::ones({2})}});
  write_shard_index(dir.path(), "optimizer", {part});
  EXPECT_TRUE(std::filesystem::exists(dir / "optimizer.safetensors"));
  EXPECT_FALSE(std::filesystem::exists(dir / "optimizer.safetensors.index.json"));
  EXPECT_TRUE(has_shards(dir.path(), "optimizer"));
  EXPECT_FALSE(has_shards(dir.path(), "ema_state"));
}

TEST(StateShards, SeveralRanksPartsReadAsOne) {
  const test::TempDir dir;
  std::vector<nlohmann::json> parts;
  for (const int rank : {0, 1, 2}) {
    const std::string name = "tensor" + std::to_string(rank);
    parts.push_back(write_shard(dir.path(), "parameters", {rank, 3},
                                {{name, at::full({3}, static_cast<double>(rank))}}));
  }
  write_shard_index(dir.path(), "parameters", parts);
  EXPECT_TRUE(has_shards(dir.path(), "parameters"));
  const io::SafetensorsFolder files(dir.path(), "parameters");
  EXPECT_EQ(files.names().size(), 3U);
  EXPECT_TENSOR_EQ(files.tensor("tensor2"), at::full({3}, 2.0));
  EXPECT_TRUE(std::filesystem::exists(dir / "parameters-00003-of-00003.safetensors"));
}

TEST(StateShards, AFileLeftOverFromAnotherNumberOfRanksIsNoPart) {
  const test::TempDir dir;
  const auto first = write_shard(dir.path(), "parameters", {0, 2}, {{"a", at::ones({1})}});
  const auto second = write_shard(dir.path(), "parameters", {1, 2}, {{"b", at::ones({1})}});
  write_shard(dir.path(), "parameters", {2, 3}, {{"c", at::ones({1})}});
  write_shard_index(dir.path(), "parameters", {first, second});
  EXPECT_FALSE(io::SafetensorsFolder(dir.path(), "parameters").contains("c"));
}

}  // namespace
}  // namespace omnigen::train
