// A small shard plan and its records.
#pragma once

#include <torch/types.h>

#include <fstream>
#include <string>

#include "io/shard_writer.h"

namespace omnigen::test {

// Buckets 1.0 (4 records of [4, 2, 2]) and 1.5 (2 records of [4, 2, 3]).
inline io::ShardPlan small_plan(at::ScalarType dtype = at::kBFloat16) {
  io::ShardPlan plan{"pictures", "image-print", "vae-print", dtype, {}};
  plan.groups.push_back({"1.0", 16, 16, {4, 2, 2}, {"a.jpg", "b.png", "c.jpg", "sub/d.webp"}});
  plan.groups.push_back({"1.5", 24, 16, {4, 2, 3}, {"e.jpg", "f.jpg"}});
  return plan;
}

inline at::Tensor small_latent(const io::ShardPlan& plan, size_t group, int64_t row) {
  const auto& shape = plan.groups[group].latent_shape;
  const int64_t count = shape[0] * shape[1] * shape[2];
  const auto base = static_cast<double>(100 * static_cast<int64_t>(group) + 10 * row);
  return at::arange(count, at::kFloat).add(base).mul(0.125).view(shape).to(plan.latent_dtype);
}

inline io::RecordFields small_fields(int64_t row) {
  io::RecordFields fields;
  fields.src_size = 1000 + static_cast<uint64_t>(row);
  fields.src_mtime_ns = -5 + row;
  fields.src_hash.fill(static_cast<uint8_t>(row + 1));
  fields.orig_w = 640;
  fields.orig_h = 480;
  fields.exif_orientation = 6;
  fields.inter_w = 22;
  fields.inter_h = 16;
  fields.crop_left = 3;
  return fields;
}

inline void write_record(io::ShardWriter& writer, const io::ShardPlan& plan, size_t group,
                         int64_t row) {
  writer.write(group, row, small_fields(row), small_latent(plan, group, row));
}

inline void write_shard(const std::filesystem::path& path, const io::ShardPlan& plan) {
  io::ShardWriter writer(path, plan);
  for (size_t g = 0; g < plan.groups.size(); ++g) {
    for (int64_t row = 0; row < std::ssize(plan.groups[g].paths); ++row) {
      write_record(writer, plan, g, row);
    }
  }
  writer.finish();
}

inline void flip_byte(const std::filesystem::path& path, uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const char flipped = static_cast<char>(file.peek() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(flipped);
}

}  // namespace omnigen::test
