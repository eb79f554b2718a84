// The steps of one data set's build (build.h), in the order in which build_cache() calls them.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/build.h"
#include "cache/cache_state.h"
#include "cache/cache_writer.h"
#include "cache/caption_tokens.h"
#include "cache/folder_lock.h"
#include "cache/scan_ledger.h"
#include "cache/survey.h"
#include "data/source_settings.h"

namespace omnigen::cache {

// What there is to train on, encoded or not.
struct UsableImages {
  std::vector<WorkItem> images;          // in path order
  std::vector<CaptionedImage> captions;  // of each of them
  std::string settings;                  // identifies what a latent depends on beside its file
};

class DatasetBuild {
 public:
  // `writes`: false for a plan, which leaves the folder as it is.
  DatasetBuild(const BuildContext& context, const config::DatasetConfig& dataset, bool writes);

  // Fingerprints, folder and index; the settings must fit. Rank 0.
  void open_folder();
  // Rank 0's, on every rank; for who encodes later. Remembers the scan. Collective.
  UsableImages usable_images();
  // Whether the user wants the finished cache taken as it is, without a look at the sources.
  // Collective.
  bool is_trusted();
  // Files, their sizes, their captions, and what each of them is. Collective.
  void look_at_sources();
  // Shards of all ranks for what is to be encoded; empty: nothing is. Collective.
  std::vector<PlannedShard> make_plan();
  // Collective.
  void encode(const std::vector<PlannedShard>& plan);
  // Whether files changed while they were encoded. Collective.
  [[nodiscard]] bool must_look_again() const;
  // Fills the report with what is there and what would be left out. Rank 0.
  void describe_plan();
  // Token table, index, ledger. Rank 0.
  void finish();

  BuildReport& report() { return report_; }
  [[nodiscard]] bool is_root() const { return context_.group.is_root(); }

 private:
  [[nodiscard]] std::vector<std::string> list_paths() const;
  void reload();
  void update_survey();
  void collect_missing_captions();
  void require_images() const;
  [[nodiscard]] ShardRules shard_rules(const std::map<int64_t, int64_t>& first_number) const;
  [[nodiscard]] int64_t max_failed() const;
  void require_few_failures() const;
  void remember_failures(const std::vector<std::string>& packed);
  void log_sources() const;
  data::IndexedFile write_tokens(std::string* digest);
  data::CacheIndex make_index();
  [[nodiscard]] std::filesystem::path ledger_path() const;
  [[nodiscard]] std::filesystem::path folder() const { return dataset_.cache_dir_vae; }
  [[nodiscard]] int64_t num_threads() const;

  const BuildContext& context_;
  const config::DatasetConfig& dataset_;
  bool writes_;
  data::SourceSettings settings_;
  VaeSettings vae_;
  data::CaptionSettings captions_settings_;
  SurveyRules rules_;
  BuildReport report_;
  bool changed_while_encoding_ = false;

  // Rank 0:
  std::unique_ptr<FolderLock> lock_;
  data::Fingerprints fingerprints_;
  std::optional<CacheState> state_;
  std::optional<CachedRecords> cached_;
  ScanLedger ledger_;
  std::vector<std::string> paths_;
  std::vector<SourceFile> files_;
  Survey survey_;
  std::vector<std::string> captioned_paths_;  // whose captions were looked for
  std::vector<CaptionedImage> captions_;
};

}  // namespace omnigen::cache
