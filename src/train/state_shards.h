// Tensors of which every rank holds a part, as one file a rank and an index over all of them, so
// that they are read at any number of ranks (io::SafetensorsFolder).
//
//   one rank   <base>.safetensors
//   n ranks    <base>-0000r-of-0000n.safetensors …, <base>.safetensors.index.json
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/checkpoint.h"

namespace omnigen::train {

struct RankOf {
  int rank = 0;
  int size = 1;
};

// Writes this rank's part. Returns what write_shard_index() wants to know of it. Errors: Error.
nlohmann::json write_shard(const std::filesystem::path& folder, const std::string& base,
                           const RankOf& rank, const TensorMap& tensors);

// `parts`: what every rank's write_shard() returned. Waits for files that another host's rank has
// written to be seen here. Rank 0. Errors: Error for one that does not appear.
void write_shard_index(const std::filesystem::path& folder, const std::string& base,
                       const std::vector<nlohmann::json>& parts);

// Whether such files are there.
bool has_shards(const std::filesystem::path& folder, const std::string& base);

}  // namespace omnigen::train
