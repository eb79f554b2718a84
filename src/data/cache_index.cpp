#include "data/cache_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "io/atomic_file.h"
#include "util/error.h"
#include "util/hash.h"

namespace omnigen::data {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kSuffix = ".index.json";

bool is_utf8(const std::string& text) {
  try {
    (void)json(text).dump();
    return true;
  } catch (const json::type_error&) {
    return false;
  }
}

std::string file_hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

json to_json(const Fingerprint& print) {
  return {{"sha256", print.sha256}, {"members", print.members}};
}

Fingerprint fingerprint_from(const json& value) {
  return {value.at("sha256").get<std::string>(), value.at("members")};
}

json to_json(const IndexedFile& file) {
  return {{"file", file.file}, {"bytes", file.bytes}, {"xxh3", file.xxh3}};
}

IndexedFile file_from(const json& value) {
  return {value.at("file").get<std::string>(), value.at("bytes").get<uint64_t>(),
          value.at("xxh3").get<std::string>()};
}

json to_json(const IndexedShard& shard) {
  json value = to_json(static_cast<const IndexedFile&>(shard));
  value["records"] = shard.records;
  value["complete"] = true;
  value["excluded"] = json::object();
  for (const auto& [group, rows] : shard.excluded) value["excluded"][std::to_string(group)] = rows;
  return value;
}

IndexedShard shard_from(const json& value) {
  IndexedShard shard{file_from(value), {}, {}};
  shard.records = value.at("records").get<std::map<std::string, int64_t>>();
  for (const auto& [group, rows] : value.at("excluded").items()) {
    shard.excluded[std::stoll(group)] = rows.get<std::vector<int64_t>>();
  }
  return shard;
}

json to_json(const CacheIndex& index) {
  const Fingerprints& prints = index.fingerprints;
  json value = {{"schema", kIndexSchema},
                {"version", kIndexVersion},
                {"dataset_id", index.dataset_id},
                {"fingerprints",
                 {{"image", to_json(prints.image)},
                  {"vae", to_json(prints.vae)},
                  {"text", to_json(prints.text)},
                  {"caption", to_json(prints.caption)}}},
                {"vae_files", index.vae_files},
                {"tokens", to_json(index.tokens)},
                {"tokens_digest", index.tokens_digest},
                {"counters", index.counters},
                {"num_records", index.num_records()}};
  value["shards"] = json::array();
  for (const IndexedShard& shard : index.shards) value["shards"].push_back(to_json(shard));
  value["buckets"] = json::array();
  for (const IndexedBucket& bucket : index.buckets) {
    value["buckets"].push_back({{"bucket", bucket.bucket},
                                {"target_w", bucket.width},
                                {"target_h", bucket.height},
                                {"count", bucket.count}});
  }
  value["failed"] = json::array();
  for (const FailedSource& source : index.failed) {
    value["failed"].push_back({{"path", path_to_json(source.path)}, {"reason", source.reason}});
  }
  return value;
}

CacheIndex index_from(const json& value) {
  CacheIndex index;
  index.dataset_id = value.at("dataset_id").get<std::string>();
  const json& prints = value.at("fingerprints");
  index.fingerprints = {fingerprint_from(prints.at("image")), fingerprint_from(prints.at("vae")),
                        fingerprint_from(prints.at("text")),
                        fingerprint_from(prints.at("caption"))};
  index.vae_files = value.at("vae_files");
  for (const json& shard : value.at("shards")) index.shards.push_back(shard_from(shard));
  index.tokens = file_from(value.at("tokens"));
  index.tokens_digest = value.at("tokens_digest").get<std::string>();
  for (const json& bucket : value.at("buckets")) {
    index.buckets.push_back(
        {bucket.at("bucket").get<std::string>(), bucket.at("target_w").get<int64_t>(),
         bucket.at("target_h").get<int64_t>(), bucket.at("count").get<int64_t>()});
  }
  index.counters = value.at("counters").get<std::map<std::string, int64_t>>();
  for (const json& source : value.at("failed")) {
    index.failed.push_back(
        {path_from_json(source.at("path")), source.at("reason").get<std::string>()});
  }
  return index;
}

}  // namespace

Fingerprint Fingerprint::of(json members) {
  std::string hash = util::sha256_hex(members.dump());
  return {std::move(hash), std::move(members)};
}

std::vector<std::string> differing_members(const Fingerprint& cached, const Fingerprint& current) {
  std::set<std::string> names;
  for (const Fingerprint* print : {&cached, &current}) {
    for (const auto& item : print->members.items()) names.insert(item.key());
  }
  std::vector<std::string> lines;
  for (const std::string& name : names) {
    const json before = cached.members.value(name, json());
    const json now = current.members.value(name, json());
    if (before == now) continue;
    lines.push_back(fmt::format("{}: cached {}, now {}", name, before.dump(), now.dump()));
  }
  return lines;
}

int64_t CacheIndex::num_records() const {
  int64_t count = 0;
  for (const IndexedBucket& bucket : buckets) count += bucket.count;
  return count;
}

std::string CacheIndex::content_hash() const {
  json value = {{"dataset_id", dataset_id}, {"tokens", tokens_digest}, {"shards", json::array()}};
  for (const IndexedShard& shard : shards) value["shards"].push_back(to_json(shard));
  return util::sha256_hex(value.dump());
}

fs::path CacheIndex::path(const fs::path& folder, const std::string& id) {
  return folder / (id + std::string(kSuffix));
}

std::vector<std::string> CacheIndex::ids_in(const fs::path& folder) {
  std::vector<std::string> ids;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(kSuffix)) ids.push_back(name.substr(0, name.size() - kSuffix.size()));
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

CacheIndex CacheIndex::read(const fs::path& folder, const std::string& id) {
  const fs::path file = path(folder, id);
  const std::string text = io::read_file(file);
  try {
    const json value = json::parse(text);
    if (value.value("schema", "") != kIndexSchema) {
      throw util::DataError(file.string() + ": not the index of a cache");
    }
    if (const auto version = value.at("version").get<int64_t>(); version != kIndexVersion) {
      throw util::DataError(
          fmt::format("{}: index version {}, this build reads {}; delete the cache and run "
                      "omnigen-cache build",
                      file.string(), version, kIndexVersion));
    }
    return index_from(value);
  } catch (const json::exception& error) {
    throw util::DataError(
        fmt::format("{}: damaged ({}); delete it and run omnigen-cache build, "
                    "which finds the shards again",
                    file.string(), error.what()));
  }
}

bool CacheIndex::write(const fs::path& folder) const {
  const fs::path file = path(folder, dataset_id);
  const std::string text = to_json(*this).dump(1) + "\n";
  std::error_code error;
  if (fs::exists(file, error) && io::read_file(file) == text) return false;
  io::write_atomically(file, text);
  return true;
}

json path_to_json(const std::string& path) {
  if (is_utf8(path)) return path;
  return {{"hex", file_hex(path)}};
}

std::string path_from_json(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  const auto hex = value.at("hex").get<std::string>();
  std::string path;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    path += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return path;
}

std::string printable_path(const std::string& path) {
  if (is_utf8(path)) return path;
  std::string text;
  for (const char byte : path) {
    const auto value = static_cast<unsigned char>(byte);
    text += value < 0x80 ? std::string(1, byte) : fmt::format("\\x{:02x}", value);
  }
  return text;
}

}  // namespace omnigen::data
