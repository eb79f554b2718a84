// HDF5's identifiers as objects, its error stack as DataError, its calls one at a time. For .cpp
// files of io only.
#pragma once

#include <hdf5.h>

#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace omnigen::io {

// Held around every use of the library: it has one global state. Silences its error printer.
class Hdf5Lock {
 public:
  Hdf5Lock();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

// Owns one identifier.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);

  // Errors: DataError naming `what` and the library's innermost reason when `id` is negative.
  Hdf5Handle(hid_t id, Close close, const std::string& what);
  ~Hdf5Handle();
  Hdf5Handle(Hdf5Handle&& other) noexcept;
  Hdf5Handle(const Hdf5Handle&) = delete;
  Hdf5Handle& operator=(const Hdf5Handle&) = delete;

  operator hid_t() const { return id_; }  // NOLINT: that is what it is

 private:
  hid_t id_;
  Close close_;
};

void hdf5_check(herr_t status, const std::string& what);

Hdf5Handle create_hdf5_file(const std::filesystem::path& path);
// Read-only, without file locks, which network file systems often lack.
Hdf5Handle open_hdf5_file(const std::filesystem::path& path);

void write_attribute(hid_t object, const char* name, const std::string& value);
void write_attribute(hid_t object, const char* name, int64_t value);
std::string read_string_attribute(hid_t object, const char* name, const std::string& where);
int64_t read_integer_attribute(hid_t object, const char* name, const std::string& where);

// Names of a group's members, in order of name.
std::vector<std::string> member_names(hid_t group, const std::string& where);

struct DatasetLayout {
  bool deflate = false;  // chunked, shuffled and deflated; else contiguous and allocated early
  const char* element = nullptr;  // value of the attribute `element`, for types HDF5 lacks
};

// A dataset without time stamps, so that equal contents make equal bytes.
Hdf5Handle create_dataset(hid_t parent, const std::string& name, hid_t type,
                          std::span<const hsize_t> shape, const DatasetLayout& layout = {});

// The only extent of a one-dimensional dataset, or the first of several.
hsize_t num_rows(hid_t dataset, const std::string& where);

// The whole one-dimensional dataset. Errors: DataError naming `where`.
template <class T>
std::vector<T> read_column(hid_t parent, const char* name, hid_t memory_type,
                           const std::string& where) {
  const std::string what = where + ": dataset " + name;
  const Hdf5Handle dataset(H5Dopen2(parent, name, H5P_DEFAULT), H5Dclose, what);
  std::vector<T> values(num_rows(dataset, what));
  if (!values.empty()) {
    hdf5_check(H5Dread(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), what);
  }
  return values;
}

}  // namespace omnigen::io
