#include "cache/scan_ledger.h"

#include <nlohmann/json.hpp>

#include "data/cache_index.h"
#include "io/atomic_file.h"
#include "util/log.h"

namespace omnigen::cache {
namespace {

using nlohmann::json;

constexpr const char* kSchema = "omnigen-cache-scan";
constexpr int64_t kVersion = 1;

json to_json(const std::string& path, const ScanEntry& entry) {
  return json::array({data::path_to_json(path), entry.stat.size, entry.stat.mtime_ns, entry.width,
                      entry.height, entry.orientation, std::string(reason_text(entry.reason)),
                      entry.detail, entry.src_hash});
}

ScanEntry entry_from(const json& row) {
  ScanEntry entry;
  entry.stat = {row.at(1).get<uint64_t>(), row.at(2).get<int64_t>()};
  entry.width = row.at(3).get<int64_t>();
  entry.height = row.at(4).get<int64_t>();
  entry.orientation = row.at(5).get<int64_t>();
  entry.reason = reason_from_text(row.at(6).get<std::string>());
  entry.detail = row.at(7).get<std::string>();
  entry.src_hash = row.at(8).get<std::string>();
  return entry;
}

}  // namespace

ScanLedger ScanLedger::read(const std::filesystem::path& path, const std::string& policy) {
  ScanLedger ledger;
  ledger.policy_ = policy;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return ledger;
  try {
    const json value = json::parse(io::read_file(path));
    if (value.at("schema") != kSchema || value.at("version") != kVersion ||
        value.at("policy") != policy) {
      return ledger;
    }
    for (const json& row : value.at("files")) {
      ledger.entries_.emplace(data::path_from_json(row.at(0)), entry_from(row));
    }
  } catch (const json::exception& problem) {
    util::log::warn(path.string() + " is damaged (" + problem.what() + "); files are scanned anew");
    ledger.entries_.clear();
  }
  return ledger;
}

const ScanEntry* ScanLedger::find(const std::string& path, const SourceStat& stat) const {
  const auto found = entries_.find(path);
  return found != entries_.end() && found->second.stat == stat ? &found->second : nullptr;
}

void ScanLedger::set(const std::string& path, ScanEntry entry) {
  const auto found = entries_.find(path);
  if (found != entries_.end() && found->second == entry) return;
  entries_[path] = std::move(entry);
  changed_ = true;
}

void ScanLedger::write(const std::filesystem::path& path) {
  json files = json::array();
  for (const auto& [name, entry] : entries_) files.push_back(to_json(name, entry));
  const json value = {
      {"schema", kSchema}, {"version", kVersion}, {"policy", policy_}, {"files", files}};
  io::write_atomically(path, value.dump() + "\n");
  changed_ = false;
}

}  // namespace omnigen::cache
