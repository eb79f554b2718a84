#include "data/shard_dataset.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/error.h"

namespace omnigen::data {
namespace {

namespace fs = std::filesystem;

// Shards of the data set in `folder` that are being written.
int64_t num_unfinished(const fs::path& folder, const std::string& id) {
  int64_t count = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(id + "-r") && name.ends_with(io::kPartSuffix)) ++count;
  }
  return count;
}

RecordCrop crop_of(const io::RecordFields& fields) {
  return {{fields.orig_w, fields.orig_h},
          {fields.inter_w, fields.inter_h},
          fields.crop_left,
          fields.crop_top};
}

}  // namespace

CacheIndex read_finished_index(const CacheLocation& location) {
  const fs::path path = CacheIndex::path(location.folder, location.id);
  const int64_t unfinished = num_unfinished(location.folder, location.id);
  if (!fs::exists(path)) {
    const std::string state =
        unfinished > 0 ? fmt::format("the cache is unfinished ({} open shards)", unfinished)
                       : std::string("there is no cache");
    throw util::DataError(fmt::format("data set '{}': {}: {} is missing; run: {}", location.id,
                                      state, fs::absolute(path).string(), location.build_command));
  }
  if (unfinished > 0) {
    throw util::DataError(fmt::format(
        "data set '{}': the cache in {} is being extended or was interrupted ({} open "
        "shards); run: {}",
        location.id, fs::absolute(location.folder).string(), unfinished, location.build_command));
  }
  return CacheIndex::read(location.folder, location.id);
}

ShardDataset::ShardDataset(const CacheLocation& location)
    : ShardDataset(location, read_finished_index(location)) {}

ShardDataset::ShardDataset(const CacheLocation& location, CacheIndex index)
    : index_(std::move(index)), fingerprint_(index_.content_hash()) {
  open_shards(location);
  tokens_ = io::TokenTable::read(location.folder / index_.tokens.file);
  if (tokens_.digest != index_.tokens_digest) {
    throw util::DataError(fmt::format("data set '{}': {} does not belong to the index; run: {}",
                                      location.id, index_.tokens.file, location.build_command));
  }
  for (size_t shard = 0; shard < shards_.size(); ++shard) add_records(shard, location);
  std::sort(records_.begin(), records_.end(),
            [](const Record& a, const Record& b) { return a.meta.path < b.meta.path; });
  if (size() != index_.num_records()) {
    throw util::DataError(
        fmt::format("data set '{}': the shards hold {} records, the index says "
                    "{}; run: {}",
                    location.id, size(), index_.num_records(), location.build_command));
  }
}

void ShardDataset::open_shards(const CacheLocation& location) {
  std::vector<std::string> missing;
  for (const IndexedShard& shard : index_.shards) {
    const fs::path path = location.folder / shard.file;
    std::error_code error;
    const uint64_t bytes = fs::file_size(path, error);
    if (error) {
      missing.push_back(shard.file);
    } else if (bytes != shard.bytes) {
      throw util::DataError(
          fmt::format("{}: {} bytes, the index says {}: truncated; delete it and "
                      "run: {}",
                      path.string(), bytes, shard.bytes, location.build_command));
    }
  }
  if (!missing.empty()) {
    throw util::DataError(
        fmt::format("data set '{}': {} of {} shards are missing in {}: {}; run: {}", location.id,
                    missing.size(), index_.shards.size(), fs::absolute(location.folder).string(),
                    fmt::join(missing.begin(),
                              missing.begin() + std::min<int64_t>(10, std::ssize(missing)), ", "),
                    location.build_command));
  }
  for (const IndexedShard& shard : index_.shards) {
    shards_.emplace_back(location.folder / shard.file);
    const io::ShardReader& reader = shards_.back();
    if (reader.dataset_id() != index_.dataset_id ||
        reader.image_fingerprint() != index_.fingerprints.image.sha256 ||
        reader.vae_fingerprint() != index_.fingerprints.vae.sha256) {
      throw util::DataError(
          fmt::format("{}: belongs to another cache (data set '{}'); delete it and run: {}",
                      reader.path().string(), reader.dataset_id(), location.build_command));
    }
  }
}

void ShardDataset::add_records(size_t shard, const CacheLocation& location) {
  const auto& excluded = index_.shards[shard].excluded;
  for (size_t g = 0; g < shards_[shard].groups().size(); ++g) {
    const io::ShardGroup& group = shards_[shard].groups()[g];
    const auto found = excluded.find(static_cast<int64_t>(g));
    const std::vector<int64_t> left_out =
        found == excluded.end() ? std::vector<int64_t>{} : found->second;  // sorted
    for (int64_t row = 0; row < std::ssize(group.fields); ++row) {
      const auto& path = group.plan.paths[static_cast<size_t>(row)];
      if (group.fields[static_cast<size_t>(row)].status != io::RecordStatus::kComplete ||
          std::binary_search(left_out.begin(), left_out.end(), row)) {
        continue;
      }
      const int64_t caption_row = tokens_.find(path);
      if (caption_row < 0) {
        throw util::DataError(fmt::format("data set '{}': no caption of {} in {}; run: {}",
                                          location.id, printable_path(path), index_.tokens.file,
                                          location.build_command));
      }
      records_.push_back(
          {{path, group.plan.bucket, group.plan.target_width, group.plan.target_height,
            tokens_.num_variants(caption_row), crop_of(group.fields[static_cast<size_t>(row)])},
           shard,
           g,
           row,
           caption_row});
    }
  }
}

at::Tensor ShardDataset::latent(int64_t record) const {
  const Record& source = at(record);
  return shards_[source.shard].latent(source.group, source.row).to(at::kFloat);
}

std::string ShardDataset::caption(int64_t record, int64_t variant) const {
  return std::string(tokens_.caption(at(record).caption_row, variant));
}

std::vector<int64_t> ShardDataset::token_ids(int64_t record, int64_t variant) const {
  const auto ids = tokens_.ids(at(record).caption_row, variant);
  return {ids.begin(), ids.end()};
}

const io::RecordFields& ShardDataset::fields(int64_t record) const {
  const Record& source = at(record);
  return shards_[source.shard].groups()[source.group].fields[static_cast<size_t>(source.row)];
}

std::string ShardDataset::record_name(int64_t record) const {
  const Record& source = at(record);
  return shards_[source.shard].record_name(source.group, source.row);
}

}  // namespace omnigen::data
