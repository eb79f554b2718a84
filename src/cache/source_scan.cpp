#include "cache/source_scan.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "cache/ordered_pool.h"
#include "util/hash.h"
#include "util/progress.h"

namespace omnigen::cache {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t kChunk = 8192;  // requests between two exchanges

std::optional<SourceStat> try_stat(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return SourceStat{static_cast<uint64_t>(status.st_size),
                    status.st_mtim.tv_sec * int64_t{1'000'000'000} + status.st_mtim.tv_nsec};
}

// CBOR carries paths of any bytes.
std::string pack(const json& value) {
  const std::vector<uint8_t> bytes = json::to_cbor(value);
  return {bytes.begin(), bytes.end()};
}

json to_json(const ScanRequest& request) {
  return json::array(
      {request.file.path, request.file.stat.size, request.file.stat.mtime_ns, request.known_hash});
}

ScanRequest request_from(const json& row) {
  return {{row.at(0).get<std::string>(), {row.at(1).get<uint64_t>(), row.at(2).get<int64_t>()}},
          row.at(3).get<std::string>()};
}

json to_json(const ScanEntry& entry) {
  return json::array({entry.stat.size, entry.stat.mtime_ns, entry.width, entry.height,
                      entry.orientation, static_cast<int>(entry.reason), entry.detail,
                      entry.src_hash});
}

ScanEntry entry_from(const json& row) {
  return {{row.at(0).get<uint64_t>(), row.at(1).get<int64_t>()},
          row.at(2).get<int64_t>(),
          row.at(3).get<int64_t>(),
          row.at(4).get<int64_t>(),
          static_cast<FailReason>(row.at(5).get<int>()),
          row.at(6).get<std::string>(),
          row.at(7).get<std::string>()};
}

// Entries of requests rank, rank + size, … of the chunk.
json scan_share(const json& chunk, const ScanOptions& options, const comm::ProcessGroup& group) {
  const auto first = static_cast<int64_t>(group.rank());
  const auto step = static_cast<int64_t>(group.size());
  const int64_t total = static_cast<int64_t>(chunk.size());
  const int64_t count = first < total ? (total - first + step - 1) / step : 0;
  OrderedPool<ScanEntry> pool(
      count,
      [&](int64_t i) {
        const auto at = static_cast<size_t>(first + i * step);
        return scan_source(options.folder, request_from(chunk[at]), options.decode);
      },
      options.num_threads, 4 * options.num_threads);
  json share = json::array();
  for (int64_t i = 0; i < count; ++i) share.push_back(to_json(pool.next()));
  return share;
}

std::vector<ScanEntry> merge(const std::vector<std::string>& shares, size_t total) {
  std::vector<ScanEntry> entries(total);
  for (size_t rank = 0; rank < shares.size(); ++rank) {
    size_t at = rank;
    for (const json& row : json::from_cbor(shares[rank])) {
      entries[at] = entry_from(row);
      at += shares.size();
    }
  }
  return entries;
}

}  // namespace

std::vector<SourceFile> stat_sources(const fs::path& folder,
                                     const std::vector<std::string>& paths) {
  std::vector<SourceFile> files;
  for (const std::string& path : paths) {
    if (const auto stat = try_stat(folder / path)) files.push_back({path, *stat});
  }
  return files;
}

SourceStat stat_source(const fs::path& path) {
  if (const auto stat = try_stat(path)) return *stat;
  throw data::ImageError(data::ImageProblem::kUnreadable,
                         path.string() + ": " + std::strerror(errno));
}

FailReason fail_reason(data::ImageProblem problem) {
  switch (problem) {
    case data::ImageProblem::kEmptyFile:
      return FailReason::kZeroBytes;
    case data::ImageProblem::kUnreadable:
      return FailReason::kUnreadable;
    case data::ImageProblem::kTruncated:
    case data::ImageProblem::kCorrupt:
      return FailReason::kTruncated;
    case data::ImageProblem::kTooLarge:
      return FailReason::kTooLarge;
    case data::ImageProblem::kNotAnImage:
    case data::ImageProblem::kUnsupported:
      return FailReason::kNotAnImage;
  }
  return FailReason::kNotAnImage;
}

ScanEntry scan_source(const fs::path& folder, const ScanRequest& request,
                      const data::DecodeOptions& options) {
  ScanEntry entry;
  entry.stat = request.file.stat;
  const fs::path path = folder / request.file.path;
  try {
    if (!request.known_hash.empty()) {
      entry.src_hash = util::sha256_hex(data::read_image_file(path));
      if (entry.src_hash == request.known_hash) return entry;
    }
    const data::ImageFacts facts = data::probe_image_file(path, options);
    entry.width = facts.size.width;
    entry.height = facts.size.height;
    entry.orientation = facts.orientation;
  } catch (const data::ImageError& error) {
    entry.reason = fail_reason(error.problem());
    entry.detail = error.what();
  }
  return entry;
}

void scan_sources(const std::vector<ScanRequest>& requests, const ScanOptions& options,
                  comm::ProcessGroup& group,
                  const std::function<void(size_t first, std::vector<ScanEntry>)>& on_results) {
  util::Progress progress(options.title, std::ssize(requests), "files",
                          group.is_root() && requests.size() > 1);
  size_t first = 0;
  while (true) {
    json chunk = json::array();
    const size_t end = std::min(requests.size(), first + kChunk);
    for (size_t i = first; i < end; ++i) chunk.push_back(to_json(requests[i]));
    chunk = json::from_cbor(group.broadcast_bytes(pack(chunk), 0));
    if (chunk.empty()) break;
    const auto shares = group.all_gather_bytes(pack(scan_share(chunk, options, group)));
    if (!group.is_root()) continue;
    on_results(first, merge(shares, chunk.size()));
    first = end;
    progress.update(static_cast<int64_t>(end));
  }
  progress.finish();
}

}  // namespace omnigen::cache
