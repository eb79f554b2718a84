#include "io/shard_reader.h"

#include <fmt/format.h>

#include <cstring>

#include "io/hdf5_handle.h"
#include "util/error.h"
#include "util/hash.h"

namespace omnigen::io {
namespace {

namespace fs = std::filesystem;

at::ScalarType latent_dtype_from(const std::string& element, const std::string& where) {
  if (element == "bfloat16") return at::kBFloat16;
  if (element == "float32") return at::kFloat;
  throw util::DataError(fmt::format(
      "{}: latents are of type '{}', this build reads bfloat16 and float32", where, element));
}

hid_t memory_type(const ColumnSpec& column) {
  switch (column.element_bytes) {
    case 1:
      return H5T_NATIVE_UINT8;
    case 2:
      return H5T_NATIVE_UINT16;
    case 4:
      return H5T_NATIVE_UINT32;
    default:
      return column.is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64;
  }
}

// Offset of a contiguous dataset. Errors: DataError for any other layout.
uint64_t contiguous_offset(hid_t dataset, const std::string& where) {
  const haddr_t offset = H5Dget_offset(dataset);
  if (offset == HADDR_UNDEF) {
    throw util::DataError(where + ": not stored contiguously, as the schema demands");
  }
  return offset;
}

std::vector<std::string> read_paths(hid_t group, const std::string& where) {
  const auto offsets = read_column<uint64_t>(group, "path_offset", H5T_NATIVE_UINT64, where);
  const auto pool = read_column<char>(group, "path_bytes", H5T_NATIVE_UINT8, where);
  std::vector<std::string> paths;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    if (offsets[i] > offsets[i + 1] || offsets[i + 1] > pool.size()) {
      throw util::DataError(fmt::format("{}: path {} lies outside the pool", where, i));
    }
    paths.emplace_back(pool.data() + offsets[i], offsets[i + 1] - offsets[i]);
  }
  return paths;
}

// One column of every record. Returns where it lies.
uint64_t read_record_column(hid_t group, const ColumnSpec& column, const std::string& where,
                            std::vector<RecordFields>& fields) {
  const std::string what = fmt::format("{}: dataset {}", where, column.name);
  const Hdf5Handle dataset(H5Dopen2(group, column.name, H5P_DEFAULT), H5Dclose, what);
  const size_t bytes = column.element_bytes * column.num_elements;
  if (num_rows(dataset, what) != fields.size()) {
    throw util::DataError(
        fmt::format("{}: {} rows, expected {}", what, num_rows(dataset, what), fields.size()));
  }
  std::vector<char> values(fields.size() * bytes);
  hdf5_check(H5Dread(dataset, memory_type(column), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
             what);
  for (size_t row = 0; row < fields.size(); ++row) {
    std::memcpy(reinterpret_cast<char*>(&fields[row]) + column.offset, values.data() + row * bytes,
                bytes);
  }
  return contiguous_offset(dataset, what);
}

std::array<int64_t, 3> read_latent_shape(hid_t dataset, const std::string& where) {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose, where);
  std::array<hsize_t, 4> shape{};
  if (H5Sget_simple_extent_ndims(space) != 4) {
    throw util::DataError(where + ": expected the shape [N, C, h, w]");
  }
  hdf5_check(H5Sget_simple_extent_dims(space, shape.data(), nullptr), where);
  return {static_cast<int64_t>(shape[1]), static_cast<int64_t>(shape[2]),
          static_cast<int64_t>(shape[3])};
}

ShardGroup read_group(hid_t file, const std::string& name, const std::string& shard) {
  const std::string where = fmt::format("{} group {}", shard, name);
  const Hdf5Handle group(H5Gopen2(file, name.c_str(), H5P_DEFAULT), H5Gclose, where);
  ShardGroup result;
  result.plan.bucket = read_string_attribute(group, "bucket", where);
  result.plan.target_width = read_integer_attribute(group, "target_w", where);
  result.plan.target_height = read_integer_attribute(group, "target_h", where);
  result.plan.paths = read_paths(group, where);
  result.fields.resize(result.plan.paths.size());
  for (const ColumnSpec& column : record_columns()) {
    result.offsets.columns.push_back(read_record_column(group, column, where, result.fields));
  }
  const std::string what = where + ": dataset latent";
  const Hdf5Handle latent(H5Dopen2(group, "latent", H5P_DEFAULT), H5Dclose, what);
  result.plan.latent_shape = read_latent_shape(latent, what);
  result.offsets.latent = contiguous_offset(latent, what);
  return result;
}

}  // namespace

ShardReader::ShardReader(const fs::path& path, Accept accept) : file_(path, RawFile::Mode::kRead) {
  read_structure(accept);
  if (accept == Accept::kFinished) check_records();
}

void ShardReader::read_structure(Accept accept) {
  const Hdf5Lock lock;
  const std::string where = path().string();
  const Hdf5Handle file = open_hdf5_file(path());
  if (const std::string schema = read_string_attribute(file, "schema", where);
      schema != kShardSchema) {
    throw util::DataError(
        fmt::format("{}: schema '{}', expected '{}': not a shard", where, schema, kShardSchema));
  }
  if (const int64_t version = read_integer_attribute(file, "version", where);
      version != kShardVersion) {
    throw util::DataError(fmt::format(
        "{}: shard version {}, this build reads {}; build the cache again with omnigen-cache build",
        where, version, kShardVersion));
  }
  dataset_id_ = read_string_attribute(file, "dataset_id", where);
  image_fingerprint_ = read_string_attribute(file, "image_fingerprint", where);
  vae_fingerprint_ = read_string_attribute(file, "vae_fingerprint", where);
  digest_ = read_string_attribute(file, "plan_digest", where);
  latent_dtype_ = latent_dtype_from(read_string_attribute(file, "latent_dtype", where), where);
  const int64_t num_groups = read_integer_attribute(file, "num_groups", where);
  const Hdf5Handle buckets(H5Gopen2(file, "bucket", H5P_DEFAULT), H5Gclose, where);
  const std::vector<std::string> names = member_names(buckets, where);
  if (num_groups != std::ssize(names)) {
    throw util::DataError(
        fmt::format("{}: {} groups, its header says {}", where, names.size(), num_groups));
  }
  groups_.resize(names.size());
  for (const std::string& name : names) {
    const Hdf5Handle group(H5Gopen2(buckets, name.c_str(), H5P_DEFAULT), H5Gclose, where);
    const int64_t index = read_integer_attribute(group, "index", where);
    if (index < 0 || index >= num_groups) {
      throw util::DataError(
          fmt::format("{} group {}: index {} of {}", where, name, index, num_groups));
    }
    groups_[static_cast<size_t>(index)] = read_group(buckets, name, where);
  }
  const Hdf5Handle complete(H5Dopen2(file, "complete", H5P_DEFAULT), H5Dclose, where);
  complete_offset_ = contiguous_offset(complete, where);
  const auto value = read_column<uint8_t>(file, "complete", H5T_NATIVE_UINT8, where);
  if (accept == Accept::kFinished && value != std::vector<uint8_t>{1}) {
    throw util::DataError(where + ": unfinished shard; omnigen-cache build continues it");
  }
}

void ShardReader::check_records() const {
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (int64_t row = 0; row < std::ssize(groups_[g].fields); ++row) {
      const RecordFields& fields = groups_[g].fields[static_cast<size_t>(row)];
      const bool empty = fields == RecordFields{.exif_orientation = 0};
      const auto& path = groups_[g].plan.paths[static_cast<size_t>(row)];
      if (!empty && record_crc(path, fields) != fields.record_crc) {
        throw util::DataError(fmt::format(
            "{}: its columns are damaged (checksum {:08x}, expected {:08x}); delete the shard and "
            "run omnigen-cache build",
            record_name(g, row), record_crc(path, fields), fields.record_crc));
      }
    }
  }
}

at::Tensor ShardReader::latent(size_t group, int64_t row) const {
  const ShardGroup& source = groups_.at(group);
  const RecordFields& fields = source.fields.at(static_cast<size_t>(row));
  TORCH_CHECK(fields.status == RecordStatus::kComplete, record_name(group, row),
              " holds no latent");
  at::Tensor latent = at::empty(source.plan.latent_shape, latent_dtype_);
  const std::span bytes(static_cast<std::byte*>(latent.data_ptr()), latent.nbytes());
  file_.read_at(source.offsets.latent + static_cast<uint64_t>(row) * bytes.size(), bytes);
  const uint32_t crc = util::crc32c(bytes);
  if (crc != fields.latent_crc) {
    throw util::DataError(fmt::format(
        "{}: the latent is damaged (checksum {:08x}, expected {:08x}); delete the shard and run "
        "omnigen-cache build, which encodes its records again",
        record_name(group, row), crc, fields.latent_crc));
  }
  return latent;
}

std::string ShardReader::record_name(size_t group, int64_t row) const {
  const ShardGroupPlan& plan = groups_.at(group).plan;
  return fmt::format("{} bucket {} row {} ({})", path().string(), plan.bucket, row,
                     plan.paths.at(static_cast<size_t>(row)));
}

}  // namespace omnigen::io
