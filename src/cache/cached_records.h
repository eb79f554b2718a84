// The records that the shards of a cache hold, found by path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/shard_reader.h"

namespace omnigen::cache {

// `<id>-r<rank>-<number>.h5`.
struct ShardName {
  int64_t rank = 0;
  int64_t number = 0;
  bool open = false;  // with `.part`

  [[nodiscard]] std::string file(const std::string& id) const;  // of the finished shard
  auto operator<=>(const ShardName&) const = default;
};

std::optional<ShardName> parse_shard_name(const std::string& file, const std::string& id);

// Every shard and part of the data set in the folder; a part counts as open, a leftover journal of
// a finished shard is removed. Sorted.
std::vector<ShardName> list_shards(const std::filesystem::path& folder, const std::string& id);

struct RecordPlace {
  size_t shard = 0;
  size_t group = 0;
  int64_t row = 0;
  auto operator<=>(const RecordPlace&) const = default;
};

class CachedRecords {
 public:
  // Opens finished shards. Where two hold a path, the later one in `files` counts.
  // Errors: DataError of a damaged shard.
  CachedRecords(const std::filesystem::path& folder, const std::vector<std::string>& files);

  // Reads every latent; damaged ones are forgotten, with a warning each.
  void drop_damaged();

  [[nodiscard]] const std::vector<io::ShardReader>& shards() const { return shards_; }
  // The newest records by path.
  [[nodiscard]] const std::map<std::string, RecordPlace>& places() const { return places_; }
  // The newest record of a path, complete or failed; null if there is none.
  [[nodiscard]] const RecordPlace* find(const std::string& path) const;
  [[nodiscard]] const io::RecordFields& fields(const RecordPlace& place) const;
  [[nodiscard]] const io::ShardGroupPlan& group(const RecordPlace& place) const;

 private:
  std::vector<io::ShardReader> shards_;
  std::map<std::string, RecordPlace> places_;
};

}  // namespace omnigen::cache
