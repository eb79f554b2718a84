#include "io/shard_schema.h"

#include <fmt/format.h>

#include <cstddef>

#include "io/safetensors_dtype.h"
#include "util/hash.h"

namespace omnigen::io {
namespace {

constexpr std::array kColumns = {
    ColumnSpec{"src_size", offsetof(RecordFields, src_size), 8, 1, false},
    ColumnSpec{"src_mtime_ns", offsetof(RecordFields, src_mtime_ns), 8, 1, true},
    ColumnSpec{"src_hash", offsetof(RecordFields, src_hash), 1, 32, false},
    ColumnSpec{"variant", offsetof(RecordFields, variant), 2, 1, false},
    ColumnSpec{"orig_w", offsetof(RecordFields, orig_w), 4, 1, false},
    ColumnSpec{"orig_h", offsetof(RecordFields, orig_h), 4, 1, false},
    ColumnSpec{"exif_orientation", offsetof(RecordFields, exif_orientation), 1, 1, false},
    ColumnSpec{"inter_w", offsetof(RecordFields, inter_w), 4, 1, false},
    ColumnSpec{"inter_h", offsetof(RecordFields, inter_h), 4, 1, false},
    ColumnSpec{"crop_top", offsetof(RecordFields, crop_top), 4, 1, false},
    ColumnSpec{"crop_left", offsetof(RecordFields, crop_left), 4, 1, false},
    ColumnSpec{"latent_crc", offsetof(RecordFields, latent_crc), 4, 1, false},
    ColumnSpec{"fail_reason", offsetof(RecordFields, fail_reason), 1, 1, false},
    ColumnSpec{"status", offsetof(RecordFields, status), 1, 1, false},
    ColumnSpec{"record_crc", offsetof(RecordFields, record_crc), 4, 1, false}};

}  // namespace

std::span<const ColumnSpec> record_columns() {
  return kColumns;
}

uint32_t record_crc(const std::string& path, const RecordFields& fields) {
  uint32_t crc = util::crc32c(std::as_bytes(std::span(path)));
  const auto bytes = std::as_bytes(std::span(&fields, 1));
  for (const ColumnSpec& column : record_columns().first(kColumns.size() - 1)) {
    crc =
        util::crc32c(bytes.subspan(column.offset, column.element_bytes * column.num_elements), crc);
  }
  return crc;
}

int64_t ShardPlan::num_records() const {
  int64_t count = 0;
  for (const ShardGroupPlan& group : groups) count += std::ssize(group.paths);
  return count;
}

uint64_t ShardPlan::latent_bytes(size_t group) const {
  const auto& shape = groups[group].latent_shape;
  return static_cast<uint64_t>(shape[0] * shape[1] * shape[2]) * c10::elementSize(latent_dtype);
}

uint64_t ShardPlan::total_bytes() const {
  uint64_t row_bytes = sizeof(uint64_t);  // path offset
  for (const ColumnSpec& column : record_columns()) {
    row_bytes += column.element_bytes * column.num_elements;
  }
  uint64_t total = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    total += groups[g].paths.size() * (latent_bytes(g) + row_bytes);
    for (const std::string& path : groups[g].paths) total += path.size();
  }
  return total;
}

std::string ShardPlan::digest() const {
  util::Sha256 hash;
  const auto add = [&](std::string_view text) {
    hash.update(fmt::format("{}:", text.size())).update(text);
  };
  add(fmt::format("{} {} {}", kShardSchema, kShardVersion, dtype_name(latent_dtype)));
  for (const std::string* text : {&dataset_id, &image_fingerprint, &vae_fingerprint}) add(*text);
  for (const ShardGroupPlan& group : groups) {
    const auto& [channels, height, width] = group.latent_shape;
    add(group.bucket);
    add(fmt::format("{}x{} {}x{}x{} {}", group.target_width, group.target_height, channels, height,
                    width, group.paths.size()));
    for (const std::string& path : group.paths) add(path);
  }
  return hash.hex();
}

std::filesystem::path part_path(const std::filesystem::path& shard) {
  return shard.string() + kPartSuffix;
}

std::filesystem::path journal_path(const std::filesystem::path& shard) {
  return shard.string() + kJournalSuffix;
}

}  // namespace omnigen::io
