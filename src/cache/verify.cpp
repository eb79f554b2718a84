#include "cache/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "data/cache_index.h"
#include "data/shard_dataset.h"
#include "io/shard_reader.h"
#include "io/token_table.h"
#include "util/error.h"
#include "util/hash.h"

namespace omnigen::cache {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShownSuspects = 20;

class Verifier {
 public:
  Verifier(const fs::path& folder, const data::CacheIndex& index,
           const std::function<void(int64_t)>& on_progress)
      : folder_(folder), index_(index), on_progress_(on_progress) {}

  VerifyReport run() {
    check_tokens();
    for (const data::IndexedShard& shard : index_.shards) check_shard(shard);
    for (const std::string& file : unexplained_) {
      name_suspects(file, records_of(file),
                    "bytes that belong to no single record differ from those that were written");
    }
    for (const std::string& file : unreadable_) {
      name_suspects(file, unexplained_paths(), "cannot be read");
    }
    return std::move(report_);
  }

 private:
  void add(const std::string& file, const std::string& message) {
    report_.damage.push_back({file, message});
  }

  // Whether the file is there, of its size and of its hash.
  bool check_file(const data::IndexedFile& file) {
    ++report_.num_files;
    std::error_code error;
    const uint64_t bytes = fs::file_size(folder_ / file.file, error);
    if (error) {
      add(file.file, "is missing");
      return false;
    }
    report_.num_bytes += bytes;
    if (bytes != file.bytes) {
      add(file.file, fmt::format("{} bytes, the index says {}", bytes, file.bytes));
      return false;
    }
    return util::hex64(util::xxh3_64_file(folder_ / file.file)) == file.xxh3;
  }

  void check_tokens() {
    const bool intact = check_file(index_.tokens);
    if (!fs::exists(folder_ / index_.tokens.file)) return;
    try {
      tokens_ = io::TokenTable::read(folder_ / index_.tokens.file);
      if (!intact) add(index_.tokens.file, "its bytes differ from those that were written");
    } catch (const util::DataError& error) {
      add(index_.tokens.file, error.what());
    }
  }

  void check_shard(const data::IndexedShard& shard) {
    const size_t before = report_.damage.size();
    const bool intact = check_file(shard);
    if (!fs::exists(folder_ / shard.file)) return;
    try {
      check_records(io::ShardReader(folder_ / shard.file), shard.file);
    } catch (const util::DataError& error) {
      add(shard.file, error.what());
      unreadable_.push_back(shard.file);
    }
    if (!intact && report_.damage.size() == before) unexplained_.push_back(shard.file);
  }

  void check_records(const io::ShardReader& reader, const std::string& file) {
    for (size_t g = 0; g < reader.groups().size(); ++g) {
      const io::ShardGroup& group = reader.groups()[g];
      for (int64_t row = 0; row < std::ssize(group.fields); ++row) {
        explained_.insert(group.plan.paths[static_cast<size_t>(row)]);
        if (group.fields[static_cast<size_t>(row)].status != io::RecordStatus::kComplete) continue;
        try {
          const at::Tensor latent = reader.latent(g, row);
          if (!latent.isfinite().all().item<bool>()) {
            add(file, reader.record_name(g, row) + ": the latent is not finite");
          }
        } catch (const util::DataError& error) {
          add(file, error.what());
        }
        ++report_.num_records;
        if (on_progress_) on_progress_(report_.num_records);
      }
    }
  }

  [[nodiscard]] std::vector<std::string> records_of(const std::string& file) const {
    std::vector<std::string> paths;
    const io::ShardReader reader(folder_ / file);
    for (const io::ShardGroup& group : reader.groups()) {
      paths.insert(paths.end(), group.plan.paths.begin(), group.plan.paths.end());
    }
    return paths;
  }

  // Records of the data set that no readable shard holds.
  [[nodiscard]] std::vector<std::string> unexplained_paths() const {
    std::vector<std::string> paths;
    for (int64_t row = 0; tokens_ && row < tokens_->size(); ++row) {
      std::string path(tokens_->path(row));
      if (!explained_.contains(path)) paths.push_back(std::move(path));
    }
    return paths;
  }

  void name_suspects(const std::string& file, const std::vector<std::string>& paths,
                     const char* what) {
    std::vector<std::string> suspects;
    for (size_t i = 0; i < std::min(kShownSuspects, paths.size()); ++i) {
      suspects.push_back(data::printable_path(paths[i]));
    }
    add(file, fmt::format("{}; records concerned: {}{}", what, fmt::join(suspects, ", "),
                          paths.size() > kShownSuspects ? ", …" : ""));
  }

  const fs::path& folder_;
  const data::CacheIndex& index_;
  const std::function<void(int64_t)>& on_progress_;
  VerifyReport report_;
  std::optional<io::TokenTable> tokens_;
  std::set<std::string> explained_;
  std::vector<std::string> unexplained_;  // files
  std::vector<std::string> unreadable_;
};

}  // namespace

VerifyReport verify_cache(const fs::path& folder, const std::string& id,
                          const std::function<void(int64_t)>& on_progress) {
  const data::CacheIndex index = data::CacheIndex::read(folder, id);
  return Verifier(folder, index, on_progress).run();
}

}  // namespace omnigen::cache
