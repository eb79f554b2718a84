#include "cache/cache_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cache/build.h"
#include "io/shard_journal.h"
#include "io/shard_writer.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/log.h"

namespace omnigen::cache {
namespace {

namespace fs = std::filesystem;

// Digest of the plan that an orphan was written to; empty if it was killed before it had one.
std::string digest_of(const fs::path& shard, bool open) {
  if (!open) return io::ShardReader(shard).digest();
  const auto journal = io::read_journal(io::journal_path(shard));
  return journal ? journal->digest : "";
}

}  // namespace

data::IndexedFile describe_file(const fs::path& folder, const std::string& file) {
  return {file, fs::file_size(folder / file), util::hex64(util::xxh3_64_file(folder / file))};
}

CacheState::CacheState(fs::path folder, std::string id)
    : folder_(std::move(folder)), id_(std::move(id)) {
  if (fs::exists(data::CacheIndex::path(folder_, id_))) {
    index_ = data::CacheIndex::read(folder_, id_);
    for (const data::IndexedShard& shard : index_->shards) {
      if (!fs::exists(folder_ / shard.file)) {
        util::log::warn(fmt::format("{} is gone: its records are encoded again",
                                    (folder_ / shard.file).string()));
        continue;
      }
      files_.push_back(shard.file);
      known_[shard.file] = shard;
    }
  }
  for (const ShardName& name : list_shards(folder_, id_)) {
    if (name.open || !known_.contains(name.file(id_))) orphans_.push_back(name);
  }
}

std::map<int64_t, int64_t> CacheState::next_numbers() const {
  std::vector<ShardName> names;
  for (const std::string& file : files_) names.push_back(parse_shard_name(file, id_).value());
  return cache::next_numbers(names);
}

std::vector<std::string> CacheState::foreign_orphans(const std::string& image,
                                                     const std::string& vae) const {
  std::vector<std::string> foreign;
  for (const ShardName& name : orphans_) {
    const fs::path path = folder_ / name.file(id_);
    if (name.open && digest_of(path, true).empty()) continue;
    const io::ShardReader reader(name.open ? io::part_path(path) : path,
                                 io::ShardReader::Accept::kOpen);
    if (reader.image_fingerprint() != image || reader.vae_fingerprint() != vae) {
      foreign.push_back(reader.path().filename().string());
    }
  }
  return foreign;
}

std::vector<std::string> CacheState::differences(const data::Fingerprint& image,
                                                 const data::Fingerprint& vae) const {
  std::vector<std::string> lines;
  if (index_) {
    for (const auto& [cached, current] : {std::pair{&index_->fingerprints.image, &image},
                                          std::pair{&index_->fingerprints.vae, &vae}}) {
      for (std::string& line : data::differing_members(*cached, *current)) {
        lines.push_back(std::move(line));
      }
    }
  }
  if (!lines.empty()) return lines;
  for (const std::string& file : foreign_orphans(image.sha256, vae.sha256)) {
    lines.push_back(file + ": an unfinished build with other settings");
  }
  return lines;
}

void CacheState::require_settings(const data::Fingerprint& image, const data::Fingerprint& vae,
                                  IfForeign action) {
  const std::vector<std::string> lines = differences(image, vae);
  if (lines.empty()) return;
  if (action == IfForeign::kRefuse) {
    throw util::DataError(mismatch_message(id_, folder_, "was made with other settings", lines));
  }
  if (action == IfForeign::kRemove) {
    util::log::info(
        fmt::format("data set '{}': override_dataset_config: the cache of other settings in {} is "
                    "replaced",
                    id_, folder_.string()));
    remove_files();
  }
  forget();
}

void CacheState::remove_files() {
  // The index goes first: without it nothing of the rest counts.
  fs::remove(data::CacheIndex::path(folder_, id_));
  for (const ShardName& name : list_shards(folder_, id_)) {
    const fs::path path = folder_ / name.file(id_);
    for (const fs::path& file : {path, io::part_path(path), io::journal_path(path)}) {
      fs::remove(file);
    }
  }
  if (index_) fs::remove(folder_ / index_->tokens.file);
}

void CacheState::forget() {
  index_.reset();
  files_.clear();
  orphans_.clear();
  known_.clear();
}

bool CacheState::continues(const std::vector<PlannedShard>& plan) const {
  std::map<std::string, std::string> digests;
  for (const PlannedShard& shard : plan) digests[shard.name.file(id_)] = shard.plan.digest();
  return std::all_of(orphans_.begin(), orphans_.end(), [&](const ShardName& name) {
    const std::string digest = digest_of(folder_ / name.file(id_), name.open);
    if (digest.empty()) return true;  // is begun anew or removed
    const auto planned = digests.find(name.file(id_));
    return planned != digests.end() && planned->second == digest;
  });
}

void CacheState::adopt_orphans() {
  for (const ShardName& name : orphans_) {
    const std::string file = name.file(id_);
    if (name.open) {
      auto writer = io::ShardWriter::reopen(folder_ / file);
      if (!writer) continue;
      writer->finish();
    }
    files_.push_back(file);
  }
  orphans_.clear();
}

void CacheState::add(const std::vector<data::IndexedFile>& finished) {
  std::set<std::string> present(files_.begin(), files_.end());
  for (const data::IndexedFile& file : finished) {
    known_[file.file] = file;
    if (present.insert(file.file).second) files_.push_back(file.file);
  }
  std::erase_if(orphans_, [&](const ShardName& name) { return present.contains(name.file(id_)); });
}

data::IndexedFile CacheState::file_of(const std::string& file) const {
  const auto found = known_.find(file);
  return found != known_.end() ? found->second : describe_file(folder_, file);
}

}  // namespace omnigen::cache
