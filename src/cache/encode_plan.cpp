#include "cache/encode_plan.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <tuple>

#include "util/error.h"

namespace omnigen::cache {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Records of one target size, in path order.
using SizeKey = std::tuple<std::string, int64_t, int64_t>;  // bucket, width, height
using BySize = std::map<SizeKey, std::vector<PlannedRecord>>;

// Deals one rank's records to shards of bounded size.
class RankPlanner {
 public:
  RankPlanner(int64_t rank, const ShardRules& rules) : rank_(rank), rules_(rules) {
    const auto found = rules.first_number.find(rank);
    number_ = found == rules.first_number.end() ? 0 : found->second;
  }

  void add(const SizeKey& key, PlannedRecord record) {
    const auto& [bucket, width, height] = key;
    const io::ShardGroupPlan group{
        bucket,
        width,
        height,
        {rules_.latent_channels, height / rules_.spatial_factor, width / rules_.spatial_factor},
        {}};
    const auto bytes = static_cast<uint64_t>(group.latent_shape[0] * group.latent_shape[1] *
                                             group.latent_shape[2]) *
                       c10::elementSize(rules_.latent_dtype);
    if (shards_.empty() || num_records_ == rules_.max_records ||
        (num_records_ > 0 && num_bytes_ + bytes > rules_.max_bytes)) {
      begin_shard();
    }
    PlannedShard& shard = shards_.back();
    if (shard.plan.groups.empty() || key != key_) {
      shard.plan.groups.push_back(group);
      shard.records.emplace_back();
      key_ = key;
    }
    shard.plan.groups.back().paths.push_back(record.item.file.path);
    shard.records.back().push_back(std::move(record));
    ++num_records_;
    num_bytes_ += bytes;
  }

  std::vector<PlannedShard> take() { return std::move(shards_); }

 private:
  void begin_shard() {
    PlannedShard shard;
    shard.name = {rank_, number_++, false};
    shard.plan = {rules_.dataset_id,
                  rules_.image_fingerprint,
                  rules_.vae_fingerprint,
                  rules_.latent_dtype,
                  {}};
    shards_.push_back(std::move(shard));
    num_records_ = 0;
    num_bytes_ = 0;
  }

  int64_t rank_;
  const ShardRules& rules_;
  int64_t number_ = 0;
  std::vector<PlannedShard> shards_;
  SizeKey key_;
  int64_t num_records_ = 0;
  uint64_t num_bytes_ = 0;
};

}  // namespace

data::CropPlan plan_of(const data::SourceSettings& settings, const std::string& dataset_id,
                       const std::string& path, data::PixelSize size) {
  return data::plan_crop(settings.crop, size, {settings.seed, dataset_id, path, 0});
}

std::vector<PlannedShard> plan_shards(const std::vector<WorkItem>& work,
                                      const data::SourceSettings& settings,
                                      const ShardRules& rules) {
  BySize by_size;
  for (const WorkItem& item : work) {
    data::CropPlan crop = plan_of(settings, rules.dataset_id, item.file.path, item.size);
    const SizeKey key{crop.bucket, crop.target.width, crop.target.height};
    by_size[key].push_back({item, std::move(crop)});
  }
  std::vector<RankPlanner> ranks;
  for (int64_t rank = 0; rank < rules.num_ranks; ++rank) ranks.emplace_back(rank, rules);
  size_t turn = 0;
  for (auto& [key, records] : by_size) {
    for (PlannedRecord& record : records) {
      ranks[turn++ % ranks.size()].add(key, std::move(record));
    }
  }
  std::vector<PlannedShard> shards;
  for (RankPlanner& rank : ranks) {
    for (PlannedShard& shard : rank.take()) shards.push_back(std::move(shard));
  }
  return shards;
}

std::map<int64_t, int64_t> next_numbers(const std::vector<ShardName>& shards) {
  std::map<int64_t, int64_t> next;
  for (const ShardName& name : shards) {
    next[name.rank] = std::max(next[name.rank], name.number + 1);
  }
  return next;
}

uint64_t missing_bytes(const std::vector<PlannedShard>& shards, const fs::path& folder) {
  uint64_t bytes = 0;
  for (const PlannedShard& shard : shards) {
    const fs::path path = folder / shard.name.file(shard.plan.dataset_id);
    // A part file has its whole size reserved already.
    if (!fs::exists(path) && !fs::exists(io::part_path(path))) bytes += shard.plan.total_bytes();
  }
  return bytes;
}

void require_space(const fs::path& folder, uint64_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error) return;
  const auto needed = static_cast<double>(bytes) * 1.05;
  if (needed <= static_cast<double>(space.available)) return;
  throw util::DataError(fmt::format(
      "{}: the cache needs {:.1f} MB more, its file system has {:.1f} MB free; free some space or "
      "set cache_dir_vae to another file system",
      fs::absolute(folder).string(), needed / 1e6, static_cast<double>(space.available) / 1e6));
}

std::string pack_work(const std::vector<WorkItem>& work) {
  json rows = json::array();
  for (const WorkItem& item : work) {
    rows.push_back(json::array({item.file.path, item.file.stat.size, item.file.stat.mtime_ns,
                                item.size.width, item.size.height}));
  }
  const std::vector<uint8_t> bytes = json::to_cbor(rows);
  return {bytes.begin(), bytes.end()};
}

std::vector<WorkItem> unpack_work(const std::string& bytes) {
  std::vector<WorkItem> work;
  for (const json& row : json::from_cbor(bytes)) {
    work.push_back(
        {{row.at(0).get<std::string>(), {row.at(1).get<uint64_t>(), row.at(2).get<int64_t>()}},
         {row.at(3).get<int64_t>(), row.at(4).get<int64_t>()}});
  }
  return work;
}

}  // namespace omnigen::cache
