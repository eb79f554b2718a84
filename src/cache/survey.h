// What each source file is to the cache: a record it has already, work, or left out and why.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cache/cached_records.h"
#include "cache/encode_plan.h"
#include "cache/scan_ledger.h"
#include "cache/source_scan.h"
#include "data/source_settings.h"

namespace omnigen::cache {

struct Member {
  std::string path;
  RecordPlace place;
};

struct FailedFile {
  std::string path;
  FailReason reason = FailReason::kNone;
  std::string detail;
};

struct Survey {
  std::vector<Member> members;  // with a record that fits, in path order
  std::vector<WorkItem> work;   // to be encoded, in path order
  std::vector<FailedFile> failed;
  std::map<std::string, int64_t> counters;  // left out, by reason
  int64_t num_tiny = 0;                     // accepted, but enlarged to a blur
};

struct SurveyRules {
  std::string dataset_id;
  bool trust_mtime = true;
  bool keep_missing = false;  // records whose file is gone count all the same
};

std::string hash_text(const io::RecordFields& fields);

// Files that must be looked at before survey() can tell.
std::vector<ScanRequest> scan_requests(const std::vector<SourceFile>& files,
                                       const CachedRecords& cached, const ScanLedger& ledger,
                                       const SurveyRules& rules);

// A record fits if its file has the size and time, or the hash, of what was encoded.
Survey survey(const std::vector<SourceFile>& files, const CachedRecords& cached,
              const ScanLedger& ledger, const data::SourceSettings& settings,
              const SurveyRules& rules);

// At most `count` of the paths, chosen by the id alone; in their order.
std::vector<std::string> choose_samples(std::vector<std::string> paths, int64_t count,
                                        const std::string& dataset_id);

}  // namespace omnigen::cache
