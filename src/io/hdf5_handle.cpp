#include "io/hdf5_handle.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "util/error.h"

namespace omnigen::io {
namespace {

constexpr hsize_t kChunkItems = 64 * 1024;
constexpr unsigned kDeflateLevel = 4;
constexpr hsize_t kAlignFrom = 64 * 1024;  // bytes; larger datasets begin on a page
constexpr hsize_t kPage = 4096;

std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

// The entry nearest to the cause.
std::string innermost_reason() {
  std::string reason;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_DOWNWARD,
      [](unsigned, const H5E_error2_t* entry, void* out) -> herr_t {
        if (entry->desc != nullptr) *static_cast<std::string*>(out) = entry->desc;
        return 0;
      },
      &reason);
  return reason.empty() ? "unknown HDF5 error" : reason;
}

[[noreturn]] void fail(const std::string& what) {
  throw util::DataError(fmt::format("{}: {}", what, innermost_reason()));
}

Hdf5Handle access_properties() {
  Hdf5Handle properties(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "HDF5 file access properties");
  hdf5_check(H5Pset_file_locking(properties, false, true), "HDF5 file locking");
  hdf5_check(H5Pset_alignment(properties, kAlignFrom, kPage), "HDF5 alignment");
  return properties;
}

}  // namespace

Hdf5Lock::Hdf5Lock() : lock_(library_mutex()) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Handle::Hdf5Handle(hid_t id, Close close, const std::string& what) : id_(id), close_(close) {
  if (id_ < 0) fail(what);
}

Hdf5Handle::~Hdf5Handle() {
  if (id_ >= 0) close_(id_);
}

Hdf5Handle::Hdf5Handle(Hdf5Handle&& other) noexcept
    : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}

void hdf5_check(herr_t status, const std::string& what) {
  if (status < 0) fail(what);
}

Hdf5Handle create_hdf5_file(const std::filesystem::path& path) {
  const Hdf5Handle access = access_properties();
  return {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose,
          fmt::format("{}: cannot be created", path.string())};
}

Hdf5Handle open_hdf5_file(const std::filesystem::path& path) {
  const Hdf5Handle access = access_properties();
  return {H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), H5Fclose,
          fmt::format("{}: not a readable HDF5 file", path.string())};
}

void write_attribute(hid_t object, const char* name, const std::string& value) {
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, name);
  hdf5_check(H5Tset_size(type, std::max<size_t>(value.size(), 1)), name);
  hdf5_check(H5Tset_strpad(type, H5T_STR_NULLPAD), name);
  hdf5_check(H5Tset_cset(type, H5T_CSET_UTF8), name);
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose, name);
  const Hdf5Handle attribute(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT),
                             H5Aclose, name);
  const std::string padded = value.empty() ? std::string(1, '\0') : value;
  hdf5_check(H5Awrite(attribute, type, padded.data()), name);
}

void write_attribute(hid_t object, const char* name, int64_t value) {
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose, name);
  const Hdf5Handle attribute(
      H5Acreate2(object, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose, name);
  hdf5_check(H5Awrite(attribute, H5T_NATIVE_INT64, &value), name);
}

std::string read_string_attribute(hid_t object, const char* name, const std::string& where) {
  const std::string what = fmt::format("{}: attribute {}", where, name);
  const Hdf5Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose, what);
  const Hdf5Handle type(H5Aget_type(attribute), H5Tclose, what);
  if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) > 0) {
    throw util::DataError(what + ": expected a string of fixed length");
  }
  std::string value(H5Tget_size(type), '\0');
  hdf5_check(H5Aread(attribute, type, value.data()), what);
  return value.substr(0, value.find('\0'));
}

int64_t read_integer_attribute(hid_t object, const char* name, const std::string& where) {
  const std::string what = fmt::format("{}: attribute {}", where, name);
  const Hdf5Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose, what);
  int64_t value = 0;
  hdf5_check(H5Aread(attribute, H5T_NATIVE_INT64, &value), what);
  return value;
}

std::vector<std::string> member_names(hid_t group, const std::string& where) {
  std::vector<std::string> names;
  hdf5_check(H5Literate(
                 group, H5_INDEX_NAME, H5_ITER_INC, nullptr,
                 [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
                   static_cast<std::vector<std::string>*>(out)->emplace_back(name);
                   return 0;
                 },
                 &names),
             where);
  return names;
}

Hdf5Handle create_dataset(hid_t parent, const std::string& name, hid_t type,
                          std::span<const hsize_t> shape, const DatasetLayout& layout) {
  const Hdf5Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
                         H5Sclose, name);
  const Hdf5Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, name);
  hdf5_check(H5Pset_obj_track_times(properties, false), name);
  hdf5_check(H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER), name);
  if (layout.deflate && shape[0] > 0) {
    std::vector<hsize_t> chunk(shape.begin(), shape.end());
    chunk[0] = std::min(chunk[0], kChunkItems);
    hdf5_check(H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data()), name);
    hdf5_check(H5Pset_shuffle(properties), name);
    hdf5_check(H5Pset_deflate(properties, kDeflateLevel), name);
  } else {
    hdf5_check(H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY), name);
  }
  Hdf5Handle dataset(
      H5Dcreate2(parent, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT), H5Dclose,
      name);
  if (layout.element != nullptr) write_attribute(dataset, "element", std::string(layout.element));
  return dataset;
}

hsize_t num_rows(hid_t dataset, const std::string& where) {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose, where);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 1) throw util::DataError(where + ": expected a table, found a single value");
  std::vector<hsize_t> shape(static_cast<size_t>(rank));
  hdf5_check(H5Sget_simple_extent_dims(space, shape.data(), nullptr), where);
  return shape[0];
}

}  // namespace omnigen::io
