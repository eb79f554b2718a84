// Records of one shard: columns in memory, latents read on demand.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/raw_file.h"
#include "io/shard_schema.h"

namespace omnigen::io {

// Where a group's raw data lie, in bytes from the start of the file.
struct ShardGroupOffsets {
  uint64_t latent = 0;
  std::vector<uint64_t> columns;  // in the order of record_columns()
};

struct ShardGroup {
  ShardGroupPlan plan;
  std::vector<RecordFields> fields;
  ShardGroupOffsets offsets;
};

class ShardReader {
 public:
  enum class Accept { kFinished, kOpen };

  // HDF5 is used here only. With kOpen the columns may hold anything.
  // Errors: DataError when the file is missing, truncated, of another version, unfinished, or a
  // column of a record is damaged (naming the record).
  explicit ShardReader(const std::filesystem::path& path, Accept accept = Accept::kFinished);

  [[nodiscard]] const std::filesystem::path& path() const { return file_.path(); }
  [[nodiscard]] const std::string& dataset_id() const { return dataset_id_; }
  [[nodiscard]] const std::string& image_fingerprint() const { return image_fingerprint_; }
  [[nodiscard]] const std::string& vae_fingerprint() const { return vae_fingerprint_; }
  // Of the plan that the shard was written to.
  [[nodiscard]] const std::string& digest() const { return digest_; }
  [[nodiscard]] at::ScalarType latent_dtype() const { return latent_dtype_; }
  [[nodiscard]] const std::vector<ShardGroup>& groups() const { return groups_; }
  [[nodiscard]] uint64_t complete_offset() const { return complete_offset_; }

  // Shapes: [C, h, w] in the stored type. Thread-safe.
  // Errors: DataError naming shard, group, row and path when the checksum differs.
  [[nodiscard]] at::Tensor latent(size_t group, int64_t row) const;
  // "shard.h5 bucket 1.0 row 3 (sub/a.jpg)".
  [[nodiscard]] std::string record_name(size_t group, int64_t row) const;

 private:
  void read_structure(Accept accept);
  void check_records() const;

  RawFile file_;
  std::string dataset_id_;
  std::string image_fingerprint_;
  std::string vae_fingerprint_;
  std::string digest_;
  at::ScalarType latent_dtype_ = at::kBFloat16;
  std::vector<ShardGroup> groups_;
  uint64_t complete_offset_ = 0;
};

}  // namespace omnigen::io
