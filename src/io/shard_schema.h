// The physical form of a cache shard: names, types and version (docs/formats.md).
//
// A shard is created once, at its final size: after that only bytes at known offsets change, and
// HDF5 is not involved. So a shard can be killed at any moment without being damaged.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace omnigen::io {

inline constexpr int64_t kShardVersion = 1;
inline constexpr const char* kShardSchema = "omnigen-shard";
inline constexpr const char* kPartSuffix = ".part";
inline constexpr const char* kJournalSuffix = ".journal";

enum class RecordStatus : uint8_t { kEmpty = 0, kComplete = 1, kFailed = 2 };

// The columns of a record, apart from its path and latent.
struct RecordFields {
  uint64_t src_size = 0;  // bytes
  int64_t src_mtime_ns = 0;
  std::array<uint8_t, 32> src_hash{};  // SHA-256 of the source file
  uint16_t variant = 0;
  uint32_t orig_w = 0;  // pixels, after orientation
  uint32_t orig_h = 0;
  uint8_t exif_orientation = 1;
  uint32_t inter_w = 0;  // size really resized to
  uint32_t inter_h = 0;
  uint32_t crop_top = 0;  // offsets really used
  uint32_t crop_left = 0;
  uint32_t latent_crc = 0;  // CRC-32C of the latent's bytes
  uint8_t fail_reason = 0;  // a cache::FailReason
  RecordStatus status = RecordStatus::kEmpty;
  uint32_t record_crc = 0;  // CRC-32C of path and all columns above
  bool operator==(const RecordFields&) const = default;
};

struct ColumnSpec {
  const char* name;
  size_t offset;  // in RecordFields
  size_t element_bytes;
  size_t num_elements;
  bool is_signed;
};

// In file order; `record_crc` is last.
std::span<const ColumnSpec> record_columns();

uint32_t record_crc(const std::string& path, const RecordFields& fields);

// Records of one size.
struct ShardGroupPlan {
  std::string bucket;  // aspect text
  int64_t target_width = 0;
  int64_t target_height = 0;
  std::array<int64_t, 3> latent_shape{};  // C, h, w
  std::vector<std::string> paths;
};

struct ShardPlan {
  std::string dataset_id;
  std::string image_fingerprint;
  std::string vae_fingerprint;
  at::ScalarType latent_dtype = at::kBFloat16;  // or kFloat
  std::vector<ShardGroupPlan> groups;

  [[nodiscard]] int64_t num_records() const;
  [[nodiscard]] uint64_t latent_bytes(size_t group) const;  // of one record
  // Bytes of the finished file, without HDF5's own few KiB.
  [[nodiscard]] uint64_t total_bytes() const;
  // Identifies everything above.
  [[nodiscard]] std::string digest() const;
};

// `<path>.part` and `<path>.journal`.
std::filesystem::path part_path(const std::filesystem::path& shard);
std::filesystem::path journal_path(const std::filesystem::path& shard);

}  // namespace omnigen::io
