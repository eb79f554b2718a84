#include "cache/survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "util/seed_stream.h"

namespace omnigen::cache {
namespace {

bool same_stat(const io::RecordFields& fields, const SourceStat& stat) {
  return fields.src_size == stat.size && fields.src_mtime_ns == stat.mtime_ns;
}

// The record of a path, unless it is a failure that may end otherwise next time.
const RecordPlace* settled_record(const std::string& path, const CachedRecords& cached) {
  const RecordPlace* place = cached.find(path);
  if (place == nullptr) return nullptr;
  const io::RecordFields& fields = cached.fields(*place);
  const bool retry = fields.status == io::RecordStatus::kFailed &&
                     worth_retrying(static_cast<FailReason>(fields.fail_reason));
  return retry ? nullptr : place;
}

// The settled record of a file whose contents are those that were encoded; null otherwise.
const RecordPlace* fresh_record(const SourceFile& file, const CachedRecords& cached,
                                const ScanLedger& ledger, const SurveyRules& rules) {
  const RecordPlace* place = settled_record(file.path, cached);
  if (place == nullptr) return nullptr;
  const io::RecordFields& fields = cached.fields(*place);
  if (rules.trust_mtime && same_stat(fields, file.stat)) return place;
  const ScanEntry* entry = ledger.find(file.path, file.stat);
  const bool same_content =
      entry != nullptr && !entry->src_hash.empty() && entry->src_hash == hash_text(fields);
  return same_content ? place : nullptr;
}

void add_missing(const std::vector<SourceFile>& files, const CachedRecords& cached,
                 Survey& survey) {
  std::set<std::string_view> listed;
  for (const SourceFile& file : files) listed.insert(file.path);
  for (const auto& [path, place] : cached.places()) {
    const bool complete = cached.fields(place).status == io::RecordStatus::kComplete;
    if (complete && !listed.contains(path)) survey.members.push_back({path, place});
  }
  std::sort(survey.members.begin(), survey.members.end(),
            [](const Member& a, const Member& b) { return a.path < b.path; });
}

}  // namespace

std::string hash_text(const io::RecordFields& fields) {
  return fmt::format("{:02x}", fmt::join(fields.src_hash, ""));
}

std::vector<ScanRequest> scan_requests(const std::vector<SourceFile>& files,
                                       const CachedRecords& cached, const ScanLedger& ledger,
                                       const SurveyRules& rules) {
  std::vector<ScanRequest> requests;
  for (const SourceFile& file : files) {
    const RecordPlace* place = settled_record(file.path, cached);
    if (!rules.trust_mtime && place != nullptr) {
      requests.push_back({file, hash_text(cached.fields(*place))});
      continue;
    }
    if (fresh_record(file, cached, ledger, rules) != nullptr) continue;
    const ScanEntry* entry = ledger.find(file.path, file.stat);
    const bool known = entry != nullptr && !worth_retrying(entry->reason) &&
                       (entry->width > 0 || entry->reason != FailReason::kNone);
    const std::string hash = place != nullptr ? hash_text(cached.fields(*place)) : "";
    if (!known || (place != nullptr && entry->src_hash.empty())) requests.push_back({file, hash});
  }
  return requests;
}

Survey survey(const std::vector<SourceFile>& files, const CachedRecords& cached,
              const ScanLedger& ledger, const data::SourceSettings& settings,
              const SurveyRules& rules) {
  Survey result;
  for (const SourceFile& file : files) {
    const RecordPlace* place = fresh_record(file, cached, ledger, rules);
    const ScanEntry* entry = ledger.find(file.path, file.stat);
    const io::RecordFields* fields = place != nullptr ? &cached.fields(*place) : nullptr;
    if (fields != nullptr && fields->status == io::RecordStatus::kFailed) {
      result.failed.push_back({file.path, static_cast<FailReason>(fields->fail_reason),
                               entry != nullptr ? entry->detail : std::string()});
      continue;
    }
    if (fields == nullptr && entry != nullptr && entry->reason != FailReason::kNone) {
      result.failed.push_back({file.path, entry->reason, entry->detail});
      continue;
    }
    data::PixelSize size;
    if (fields != nullptr) {
      size = {fields->orig_w, fields->orig_h};
    } else if (entry != nullptr) {
      size = {entry->width, entry->height};
    }
    if (size.width == 0) continue;  // vanished between listing and scan
    const data::CropPlan crop = plan_of(settings, rules.dataset_id, file.path, size);
    if (!crop.accepted()) {
      ++result.counters[crop.rejection];
      continue;
    }
    if (data::is_tiny(size)) ++result.num_tiny;
    const bool fits = place != nullptr && cached.group(*place).target_width == crop.target.width &&
                      cached.group(*place).target_height == crop.target.height;
    if (fits) {
      result.members.push_back({file.path, *place});
    } else {
      result.work.push_back({file, size});
    }
  }
  if (rules.keep_missing) add_missing(files, cached, result);
  return result;
}

std::vector<std::string> choose_samples(std::vector<std::string> paths, int64_t count,
                                        const std::string& dataset_id) {
  if (count >= std::ssize(paths)) return paths;
  util::SeedStream(0, "max_num_samples", {dataset_id}).shuffle(std::span(paths));
  paths.resize(static_cast<size_t>(count));
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace omnigen::cache
