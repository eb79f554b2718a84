// The build of one data set's cache: found, compared with what is there, encoded, indexed.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cache/survey.h"
#include "comm/process_group.h"
#include "config/dataset_config.h"
#include "config/schema.h"
#include "data/cache_index.h"

namespace omnigen::cache {

struct BuildContext {
  const config::Config& config;
  const std::vector<config::DatasetConfig>& datasets;  // all of them: text_embeds entries too
  comm::ProcessGroup& group;
  // Where to encode. Called only if there is something to encode. Collective.
  std::function<at::Device()> device;
  int64_t cores_per_rank = 1;  // limits threads that read and decode
};

struct BuildReport {
  std::string dataset_id;
  std::filesystem::path folder;
  int64_t num_records = 0;
  int64_t num_encoded = 0;  // in this run
  int64_t num_resumed = 0;  // committed by an earlier run that was interrupted
  int64_t num_planned = 0;  // plan only: images that would be encoded
  uint64_t planned_bytes = 0;
  std::vector<data::IndexedBucket> buckets;  // plan only: with the images to be encoded
  std::map<std::string, int64_t> counters;   // files listed, and left out by reason
  std::vector<FailedFile> failed;
  bool changed = false;  // anything was written
  double seconds = 0.0;
};

// After an interruption it goes on where the last committed batch ended; on a finished cache it
// writes nothing. The report is complete on rank 0 only. Collective.
// Errors: DataError: no usable image, captions missing, a cache of other settings (E35), too many
// failures, too little space; ConfigError of the settings.
BuildReport build_cache(const BuildContext& context, const config::DatasetConfig& dataset);

// The same without encoding or writing anything.
BuildReport plan_cache(const BuildContext& context, const config::DatasetConfig& dataset);

// How a user makes good a cache that does not fit its configuration.
std::string mismatch_message(const std::string& dataset_id, const std::filesystem::path& folder,
                             const std::string& what, const std::vector<std::string>& differences);

}  // namespace omnigen::cache
