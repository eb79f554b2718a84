// Which images are to be encoded, at what size, by which rank, into which shard. A pure function of
// the work list, so that every rank and every restart comes to the same plan.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cache/cached_records.h"
#include "cache/source_scan.h"
#include "data/source_settings.h"
#include "io/shard_schema.h"

namespace omnigen::cache {

// An image without a record.
struct WorkItem {
  SourceFile file;
  data::PixelSize size;  // upright
};

struct PlannedRecord {
  WorkItem item;
  data::CropPlan crop;
};

struct PlannedShard {
  ShardName name;
  io::ShardPlan plan;
  std::vector<std::vector<PlannedRecord>> records;  // [group][row]
};

struct ShardRules {
  std::string dataset_id;
  std::string image_fingerprint;
  std::string vae_fingerprint;
  at::ScalarType latent_dtype = at::kBFloat16;
  int64_t latent_channels = 4;
  int64_t spatial_factor = 8;  // pixels per latent
  int64_t num_ranks = 1;
  int64_t max_records = 16384;
  uint64_t max_bytes = uint64_t{1} << 30;
  std::map<int64_t, int64_t> first_number;  // by rank; 0 where absent
};

data::CropPlan plan_of(const data::SourceSettings& settings, const std::string& dataset_id,
                       const std::string& path, data::PixelSize size);

// Work in path order -> shards of all ranks. Within a shard records are grouped by target size;
// images are dealt to the ranks in turn.
std::vector<PlannedShard> plan_shards(const std::vector<WorkItem>& work,
                                      const data::SourceSettings& settings,
                                      const ShardRules& rules);

// First free shard number of every rank.
std::map<int64_t, int64_t> next_numbers(const std::vector<ShardName>& shards);

// Bytes that are still to be written for the plan.
uint64_t missing_bytes(const std::vector<PlannedShard>& shards,
                       const std::filesystem::path& folder);
// Errors: DataError (E39) when the folder's file system has not `bytes` and a twentieth free.
void require_space(const std::filesystem::path& folder, uint64_t bytes);

// The work list for other ranks, as bytes.
std::string pack_work(const std::vector<WorkItem>& work);
std::vector<WorkItem> unpack_work(const std::string& bytes);

}  // namespace omnigen::cache
