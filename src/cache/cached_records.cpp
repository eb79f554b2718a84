#include "cache/cached_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "util/error.h"
#include "util/log.h"

namespace omnigen::cache {
namespace {

namespace fs = std::filesystem;

std::optional<int64_t> parse_number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::string ShardName::file(const std::string& id) const {
  return fmt::format("{}-r{}-{:04}.h5", id, rank, number);
}

std::optional<ShardName> parse_shard_name(const std::string& file, const std::string& id) {
  std::string_view text = file;
  ShardName name;
  if (text.ends_with(io::kPartSuffix)) {
    name.open = true;
    text.remove_suffix(std::string_view(io::kPartSuffix).size());
  }
  if (!text.starts_with(id + "-r") || !text.ends_with(".h5")) return std::nullopt;
  text.remove_prefix(id.size() + 2);
  text.remove_suffix(3);
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto rank = parse_number(text.substr(0, dash));
  const auto number = parse_number(text.substr(dash + 1));
  if (!rank || !number) return std::nullopt;
  name.rank = *rank;
  name.number = *number;
  return name;
}

std::vector<ShardName> list_shards(const fs::path& folder, const std::string& id) {
  std::vector<ShardName> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (const auto name = parse_shard_name(entry.path().filename().string(), id)) {
      names.push_back(*name);
      if (!name->open) fs::remove(io::journal_path(entry.path()));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

CachedRecords::CachedRecords(const fs::path& folder, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    shards_.emplace_back(folder / file);
    const auto& groups = shards_.back().groups();
    for (size_t g = 0; g < groups.size(); ++g) {
      for (int64_t row = 0; row < std::ssize(groups[g].fields); ++row) {
        const auto at = static_cast<size_t>(row);
        if (groups[g].fields[at].status == io::RecordStatus::kEmpty) continue;
        places_[groups[g].plan.paths[at]] = {shards_.size() - 1, g, row};
      }
    }
  }
}

void CachedRecords::drop_damaged() {
  std::erase_if(places_, [&](const auto& item) {
    const RecordPlace& place = item.second;
    if (fields(place).status != io::RecordStatus::kComplete) return false;
    try {
      static_cast<void>(shards_[place.shard].latent(place.group, place.row));
      return false;
    } catch (const util::DataError& error) {  // one damaged record is encoded again
      util::log::warn(error.what());
      return true;
    }
  });
}

const RecordPlace* CachedRecords::find(const std::string& path) const {
  const auto found = places_.find(path);
  return found == places_.end() ? nullptr : &found->second;
}

const io::RecordFields& CachedRecords::fields(const RecordPlace& place) const {
  return shards_[place.shard].groups()[place.group].fields[static_cast<size_t>(place.row)];
}

const io::ShardGroupPlan& CachedRecords::group(const RecordPlace& place) const {
  return shards_[place.shard].groups()[place.group].plan;
}

}  // namespace omnigen::cache
