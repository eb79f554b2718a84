// `<id>.scan.json`: what is known of every source file, results that exclude it too, so that no
// file is looked at twice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "cache/fail_reason.h"

namespace omnigen::cache {

// Size and time: a file that keeps both is taken as unchanged.
struct SourceStat {
  uint64_t size = 0;  // bytes
  int64_t mtime_ns = 0;
  bool operator==(const SourceStat&) const = default;
};

struct ScanEntry {
  SourceStat stat;
  int64_t width = 0;  // pixels, after orientation
  int64_t height = 0;
  int64_t orientation = 1;
  FailReason reason = FailReason::kNone;
  std::string detail;    // of a failure
  std::string src_hash;  // SHA-256; empty: never needed
  bool operator==(const ScanEntry&) const = default;
};

class ScanLedger {
 public:
  // `policy` names what decides about an entry (decoder settings): entries of another are dropped.
  // A missing or damaged file is an empty ledger.
  static ScanLedger read(const std::filesystem::path& path, const std::string& policy);

  // Null if unknown or the file has changed since.
  [[nodiscard]] const ScanEntry* find(const std::string& path, const SourceStat& stat) const;
  void set(const std::string& path, ScanEntry entry);
  // Forgets every path that `is_listed` denies.
  template <class Predicate>
  void keep_if(Predicate is_listed) {
    const size_t removed =
        std::erase_if(entries_, [&](const auto& item) { return !is_listed(item.first); });
    changed_ = changed_ || removed > 0;
  }
  [[nodiscard]] bool changed() const { return changed_; }
  [[nodiscard]] size_t size() const { return entries_.size(); }
  // Written aside, synced and renamed.
  void write(const std::filesystem::path& path);

 private:
  std::string policy_;
  std::map<std::string, ScanEntry> entries_;
  bool changed_ = false;
};

}  // namespace omnigen::cache
