// The structure of a new shard: the only place where HDF5 writes one.
#include <fmt/format.h>

#include <set>

#include "io/hdf5_handle.h"
#include "io/shard_writer.h"

namespace omnigen::io {
namespace {

namespace fs = std::filesystem;

hid_t file_type(const ColumnSpec& column) {
  switch (column.element_bytes) {
    case 1:
      return H5T_STD_U8LE;
    case 2:
      return H5T_STD_U16LE;
    case 4:
      return H5T_STD_U32LE;
    default:
      return column.is_signed ? H5T_STD_I64LE : H5T_STD_U64LE;
  }
}

template <class T>
void write_column(hid_t parent, const char* name, hid_t file, hid_t memory,
                  const std::vector<T>& values) {
  const std::array<hsize_t, 1> shape{values.size()};
  const Hdf5Handle dataset = create_dataset(parent, name, file, shape);
  if (values.empty()) return;
  hdf5_check(H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), name);
}

// Zeros: fill values are off, so that latents are not written twice.
void create_record_columns(hid_t group, size_t num_rows) {
  for (const ColumnSpec& column : record_columns()) {
    std::vector<hsize_t> shape{num_rows};
    if (column.num_elements > 1) shape.push_back(column.num_elements);
    const Hdf5Handle dataset = create_dataset(group, column.name, file_type(column), shape);
    const std::vector<char> zeros(num_rows * column.element_bytes * column.num_elements);
    hdf5_check(H5Dwrite(dataset, file_type(column), H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros.data()),
               column.name);
  }
}

void create_group(hid_t parent, const std::string& name, const ShardGroupPlan& plan,
                  at::ScalarType dtype) {
  const Hdf5Handle group(H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                         H5Gclose, name);
  write_attribute(group, "bucket", plan.bucket);
  write_attribute(group, "target_w", plan.target_width);
  write_attribute(group, "target_h", plan.target_height);
  std::vector<uint64_t> offsets{0};
  std::vector<char> pool;
  for (const std::string& path : plan.paths) {
    pool.insert(pool.end(), path.begin(), path.end());
    offsets.push_back(pool.size());
  }
  write_column(group, "path_offset", H5T_STD_U64LE, H5T_NATIVE_UINT64, offsets);
  write_column(group, "path_bytes", H5T_STD_U8LE, H5T_NATIVE_UINT8, pool);
  create_record_columns(group, plan.paths.size());
  const std::array<hsize_t, 4> shape{plan.paths.size(), static_cast<hsize_t>(plan.latent_shape[0]),
                                     static_cast<hsize_t>(plan.latent_shape[1]),
                                     static_cast<hsize_t>(plan.latent_shape[2])};
  if (dtype == at::kBFloat16) {  // HDF5 knows this type from 2.0 on
    create_dataset(group, "latent", H5T_STD_U16LE, shape, {.element = "bfloat16"});
  } else {
    create_dataset(group, "latent", H5T_IEEE_F32LE, shape, {.element = "float32"});
  }
}

void write_root_attributes(hid_t file, const ShardPlan& plan) {
  write_attribute(file, "schema", std::string(kShardSchema));
  write_attribute(file, "version", kShardVersion);
  write_attribute(file, "dataset_id", plan.dataset_id);
  write_attribute(file, "image_fingerprint", plan.image_fingerprint);
  write_attribute(file, "vae_fingerprint", plan.vae_fingerprint);
  write_attribute(file, "plan_digest", plan.digest());
  write_attribute(file, "latent_dtype",
                  std::string(plan.latent_dtype == at::kBFloat16 ? "bfloat16" : "float32"));
  write_attribute(file, "num_groups", static_cast<int64_t>(plan.groups.size()));
}

void create_groups(hid_t file, const ShardPlan& plan) {
  const Hdf5Handle buckets(H5Gcreate2(file, "bucket", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                           H5Gclose, "bucket");
  std::set<std::string> names;
  for (size_t index = 0; index < plan.groups.size(); ++index) {
    const ShardGroupPlan& group = plan.groups[index];
    std::string name = group.bucket;
    if (!names.insert(name).second) {  // two sizes may round to one aspect
      name += fmt::format("@{}x{}", group.target_width, group.target_height);
    }
    create_group(buckets, name, group, plan.latent_dtype);
    const Hdf5Handle created(H5Gopen2(buckets, name.c_str(), H5P_DEFAULT), H5Gclose, name);
    write_attribute(created, "index", static_cast<int64_t>(index));
  }
}

}  // namespace

void create_shard(const fs::path& path, const ShardPlan& plan) {
  TORCH_CHECK(plan.latent_dtype == at::kBFloat16 || plan.latent_dtype == at::kFloat,
              "create_shard: latents of ", plan.latent_dtype);
  fs::create_directories(path.parent_path());
  fs::remove(journal_path(path));  // first: a part file without one counts as not begun
  {
    const Hdf5Lock lock;
    const Hdf5Handle file = create_hdf5_file(part_path(path));
    write_root_attributes(file, plan);
    write_column(file, "complete", H5T_STD_U8LE, H5T_NATIVE_UINT8, std::vector<uint8_t>{0});
    create_groups(file, plan);
  }
  RawFile file(part_path(path), RawFile::Mode::kReadWrite);
  file.reserve(file.size());
  file.sync();
  sync_folder(path.parent_path());
}

}  // namespace omnigen::io
