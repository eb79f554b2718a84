// `<id>.index.json`: which records of which shards make up a data set's cache (docs/formats.md).
//
// Written last: a cache without it is unfinished.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace omnigen::data {

inline constexpr int64_t kIndexVersion = 1;
inline constexpr const char* kIndexSchema = "omnigen-cache-index";

// One of the four identities of a cache: what it was made from, and the hash of that.
struct Fingerprint {
  std::string sha256;      // of the members as canonical JSON
  nlohmann::json members;  // by name

  static Fingerprint of(nlohmann::json members);
};

struct Fingerprints {
  Fingerprint image;    // decoding, sizes, crops: a change makes all latents stale
  Fingerprint vae;      // weights and how they are applied: likewise
  Fingerprint text;     // tokenizer and template: a change makes the token table stale
  Fingerprint caption;  // where captions come from: likewise
};

// "resolution: cached 512, now 1024" for every member that differs.
std::vector<std::string> differing_members(const Fingerprint& cached, const Fingerprint& current);

struct IndexedFile {
  std::string file;  // relative to the index's folder
  uint64_t bytes = 0;
  std::string xxh3;  // 16 hex digits
  bool operator==(const IndexedFile&) const = default;
};

struct IndexedShard : IndexedFile {
  std::map<std::string, int64_t> records;  // by bucket, without the excluded ones
  // Rows by group that do not count: superseded, source vanished or filtered out.
  std::map<int64_t, std::vector<int64_t>> excluded;
  bool operator==(const IndexedShard&) const = default;
};

struct IndexedBucket {
  std::string bucket;
  int64_t width = 0;
  int64_t height = 0;
  int64_t count = 0;
  bool operator==(const IndexedBucket&) const = default;
};

struct FailedSource {
  std::string path;
  std::string reason;
  bool operator==(const FailedSource&) const = default;
};

struct CacheIndex {
  std::string dataset_id;
  Fingerprints fingerprints;
  nlohmann::json vae_files;  // name, size and time of the weight files that were hashed
  std::vector<IndexedShard> shards;
  IndexedFile tokens;
  std::string tokens_digest;
  std::vector<IndexedBucket> buckets;
  std::map<std::string, int64_t> counters;  // files listed, and left out by reason
  std::vector<FailedSource> failed;

  [[nodiscard]] int64_t num_records() const;
  // Identifies records, their order and captions.
  [[nodiscard]] std::string content_hash() const;

  static std::filesystem::path path(const std::filesystem::path& folder, const std::string& id);
  // Ids of the caches in a folder, sorted.
  static std::vector<std::string> ids_in(const std::filesystem::path& folder);
  // Errors: DataError when it is missing, not JSON, of another version or lacks a member.
  static CacheIndex read(const std::filesystem::path& folder, const std::string& id);
  // Written aside, synced and renamed; left alone if nothing changed. Returns whether it wrote.
  [[nodiscard]] bool write(const std::filesystem::path& folder) const;
};

// Relative paths need not be UTF-8, JSON text must be: others become {"hex": "…"}.
nlohmann::json path_to_json(const std::string& path);
std::string path_from_json(const nlohmann::json& json);
// For messages: bytes that are not UTF-8 as \xNN.
std::string printable_path(const std::string& path);

}  // namespace omnigen::data
