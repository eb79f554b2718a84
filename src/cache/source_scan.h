// The source files of a data set, and what can be said of each without decoding it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cache/scan_ledger.h"
#include "comm/process_group.h"
#include "data/image_decode.h"

namespace omnigen::cache {

struct SourceFile {
  std::string path;  // relative to the data set's folder
  SourceStat stat;
};

// Size and time of every path; files that vanished meanwhile are left out.
std::vector<SourceFile> stat_sources(const std::filesystem::path& folder,
                                     const std::vector<std::string>& paths);
// Errors: DataError if the file cannot be seen.
SourceStat stat_source(const std::filesystem::path& path);

FailReason fail_reason(data::ImageProblem problem);

struct ScanRequest {
  SourceFile file;
  std::string known_hash;  // SHA-256 of the file that was encoded; empty: there is none
};

// Entry of one file. With `known_hash` the file is hashed; its header is read unless the hash is
// the known one (then width and height stay 0).
ScanEntry scan_source(const std::filesystem::path& folder, const ScanRequest& request,
                      const data::DecodeOptions& options);

struct ScanOptions {
  std::filesystem::path folder;
  data::DecodeOptions decode;
  int64_t num_threads = 1;
  std::string title;  // of the progress bar
};

// Scans rank 0's requests on all ranks. `on_results` is called on rank 0 with every chunk of
// results, in order. Collective.
void scan_sources(const std::vector<ScanRequest>& requests, const ScanOptions& options,
                  comm::ProcessGroup& group,
                  const std::function<void(size_t first, std::vector<ScanEntry>)>& on_results);

}  // namespace omnigen::cache
