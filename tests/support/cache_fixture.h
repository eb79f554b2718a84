// A small finished cache, made without a VAE.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "data/cache_index.h"
#include "io/shard_writer.h"
#include "io/token_table.h"
#include "util/hash.h"

namespace omnigen::test {

inline at::Tensor fixture_latent(const std::string& path) {
  const double value = static_cast<double>(util::xxh3_64(path) % 1000) / 1000.0;
  return at::arange(4 * 2 * 2, at::kFloat).mul(0.25).add(value).view({4, 2, 2});
}

// Writes one shard of 16 x 16 images and returns its entry of the index.
inline data::IndexedShard write_fixture_shard(const std::filesystem::path& folder,
                                              const std::string& id, int number,
                                              const std::vector<std::string>& paths) {
  const std::string name = fmt::format("{}-r0-{:04}.h5", id, number);
  io::ShardPlan plan{id,
                     data::Fingerprint::of({{"r", 1}}).sha256,
                     data::Fingerprint::of({{"v", 1}}).sha256,
                     at::kFloat,
                     {}};
  plan.groups.push_back({"1.0", 16, 16, {4, 2, 2}, paths});
  io::ShardWriter writer(folder / name, plan);
  for (int64_t row = 0; row < std::ssize(paths); ++row) {
    const auto& path = paths[static_cast<size_t>(row)];
    writer.write(0, row, {.src_size = 9, .orig_w = 16, .orig_h = 16}, fixture_latent(path));
  }
  writer.finish();
  data::IndexedShard shard;
  shard.file = name;
  shard.bytes = std::filesystem::file_size(folder / name);
  shard.xxh3 = util::hex64(util::xxh3_64_file(folder / name));
  shard.records["1.0"] = std::ssize(paths);
  return shard;
}

// Records in two shards, "caption of <path>" as captions. `excluded_row` of the first shard does
// not count.
inline data::CacheIndex write_fixture_cache(const std::filesystem::path& folder,
                                            const std::string& id,
                                            const std::vector<std::vector<std::string>>& shards,
                                            int64_t excluded_row = -1) {
  data::CacheIndex index;
  index.dataset_id = id;
  index.fingerprints = {data::Fingerprint::of({{"r", 1}}), data::Fingerprint::of({{"v", 1}}),
                        data::Fingerprint::of({{"t", 1}}), data::Fingerprint::of({{"c", 1}})};
  std::vector<std::string> all;
  for (size_t s = 0; s < shards.size(); ++s) {
    index.shards.push_back(write_fixture_shard(folder, id, static_cast<int>(s), shards[s]));
    all.insert(all.end(), shards[s].begin(), shards[s].end());
  }
  int64_t count = std::ssize(all);
  if (excluded_row >= 0) {
    index.shards[0].excluded[0] = {excluded_row};
    index.shards[0].records["1.0"] -= 1;
    --count;
  }
  index.buckets = {{"1.0", 16, 16, count}};
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  io::TokenTable tokens;
  tokens.digest = "digest";
  for (const std::string& path : all) tokens.add(path, {{"caption of " + path, {1, 7}}, {"", {1}}});
  const std::string file = id + "-tokens-digest.h5";
  tokens.write(folder / file, true);
  static_cast<data::IndexedFile&>(index.tokens) = {file, std::filesystem::file_size(folder / file),
                                                   util::hex64(util::xxh3_64_file(folder / file))};
  index.tokens_digest = tokens.digest;
  static_cast<void>(index.write(folder));
  return index;
}

}  // namespace omnigen::test
