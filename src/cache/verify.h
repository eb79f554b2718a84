// Every byte of a cache against its checksums.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace omnigen::cache {

struct Damage {
  std::string file;
  std::string message;  // names the record where it can be told
};

struct VerifyReport {
  int64_t num_files = 0;
  int64_t num_records = 0;
  uint64_t num_bytes = 0;
  std::vector<Damage> damage;
};

// Index, shards (size, hash, every record's columns and latent) and token table of one data set.
// `on_progress` gets the records checked so far.
// Errors: DataError if there is no readable index.
VerifyReport verify_cache(const std::filesystem::path& folder, const std::string& id,
                          const std::function<void(int64_t)>& on_progress = {});

}  // namespace omnigen::cache
