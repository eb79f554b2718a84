// What a cache folder holds of one data set before and during a build. On rank 0 only.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cache/cached_records.h"
#include "cache/encode_plan.h"
#include "data/cache_index.h"

namespace omnigen::cache {

class CacheState {
 public:
  // Reads the index, if there is one, and lists shards. A shard that the index names and that is
  // gone is left out, with a warning.
  CacheState(std::filesystem::path folder, std::string id);

  [[nodiscard]] const std::optional<data::CacheIndex>& index() const { return index_; }
  // Shards whose records count, in order.
  [[nodiscard]] const std::vector<std::string>& files() const { return files_; }
  // An earlier build was interrupted.
  [[nodiscard]] bool has_orphans() const { return !orphans_.empty(); }
  // First free shard number of every rank.
  [[nodiscard]] std::map<int64_t, int64_t> next_numbers() const;

  enum class IfForeign { kRefuse, kForget, kRemove };
  // Index or shards that were made with other settings are refused (DataError, E35), left out of
  // account, or removed.
  void require_settings(const data::Fingerprint& image, const data::Fingerprint& vae,
                        IfForeign action);

  // Whether everything that an interrupted build left belongs to this plan, so that it can go on.
  [[nodiscard]] bool continues(const std::vector<PlannedShard>& plan) const;
  // Finishes and counts what an interrupted build left, whatever its plan was.
  void adopt_orphans();
  // Counts shards that were written now.
  void add(const std::vector<data::IndexedFile>& finished);

  // Size and hash of a shard; taken from the index where it knows it.
  [[nodiscard]] data::IndexedFile file_of(const std::string& file) const;

 private:
  [[nodiscard]] std::vector<std::string> differences(const data::Fingerprint& image,
                                                     const data::Fingerprint& vae) const;
  void remove_files();
  void forget();
  [[nodiscard]] std::vector<std::string> foreign_orphans(const std::string& image,
                                                         const std::string& vae) const;

  std::filesystem::path folder_;
  std::string id_;
  std::optional<data::CacheIndex> index_;
  std::vector<std::string> files_;
  std::vector<ShardName> orphans_;  // not in the index
  std::map<std::string, data::IndexedFile> known_;
};

// The entry of a file of the cache. Reads it whole.
data::IndexedFile describe_file(const std::filesystem::path& folder, const std::string& file);

}  // namespace omnigen::cache
