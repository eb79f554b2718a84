#include "io/token_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <type_traits>

#include "io/hdf5_handle.h"
#include "io/raw_file.h"
#include "util/error.h"
#include "util/hash.h"

namespace omnigen::io {
namespace {

namespace fs = std::filesystem;

template <class T>
struct Element;
template <>
struct Element<uint64_t> {
  static hid_t file() { return H5T_STD_U64LE; }
  static hid_t memory() { return H5T_NATIVE_UINT64; }
};
template <>
struct Element<int32_t> {
  static hid_t file() { return H5T_STD_I32LE; }
  static hid_t memory() { return H5T_NATIVE_INT32; }
};
template <>
struct Element<char> {
  static hid_t file() { return H5T_STD_U8LE; }
  static hid_t memory() { return H5T_NATIVE_UINT8; }
};

template <class T>
int64_t crc_of(const std::vector<T>& values) {
  return util::crc32c(std::as_bytes(std::span(values)));
}

template <class T>
std::string_view slice(const std::vector<char>& pool, const std::vector<T>& offsets, int64_t i) {
  const auto at = static_cast<size_t>(i);
  return {pool.data() + offsets.at(at), offsets.at(at + 1) - offsets.at(at)};
}

bool offsets_fit(const std::vector<uint64_t>& offsets, size_t total) {
  return !offsets.empty() && offsets.front() == 0 && offsets.back() == total &&
         std::is_sorted(offsets.begin(), offsets.end());
}

}  // namespace

template <class Self, class Visit>
void TokenTable::visit_columns(Self& self, Visit&& visit) {
  visit("path_offset", self.path_offset_);
  visit("path_bytes", self.path_bytes_);
  visit("first_variant", self.first_variant_);
  visit("caption_offset", self.caption_offset_);
  visit("caption_bytes", self.caption_bytes_);
  visit("id_offset", self.id_offset_);
  visit("ids", self.ids_);
  visit("dropped_empty", self.dropped_empty);
  visit("dropped_cfg", self.dropped_cfg);
}

void TokenTable::add(std::string_view path, const std::vector<CaptionTokens>& variants) {
  if (size() > 0 && this->path(size() - 1) >= path) {
    throw util::Error(fmt::format("token table: '{}' added out of order", path));
  }
  path_bytes_.insert(path_bytes_.end(), path.begin(), path.end());
  path_offset_.push_back(path_bytes_.size());
  for (const CaptionTokens& variant : variants) {
    caption_bytes_.insert(caption_bytes_.end(), variant.caption.begin(), variant.caption.end());
    caption_offset_.push_back(caption_bytes_.size());
    ids_.insert(ids_.end(), variant.ids.begin(), variant.ids.end());
    id_offset_.push_back(ids_.size());
  }
  first_variant_.push_back(first_variant_.back() + variants.size());
}

std::string_view TokenTable::path(int64_t row) const {
  return slice(path_bytes_, path_offset_, row);
}

int64_t TokenTable::find(std::string_view path) const {
  int64_t low = 0;
  int64_t high = size();
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    (this->path(middle) < path ? low : high) = this->path(middle) < path ? middle + 1 : middle;
  }
  return low < size() && this->path(low) == path ? low : -1;
}

int64_t TokenTable::num_variants(int64_t row) const {
  const auto at = static_cast<size_t>(row);
  return static_cast<int64_t>(first_variant_.at(at + 1) - first_variant_.at(at));
}

std::string_view TokenTable::caption(int64_t row, int64_t variant) const {
  const auto first = static_cast<int64_t>(first_variant_.at(static_cast<size_t>(row)));
  return slice(caption_bytes_, caption_offset_, first + variant);
}

std::span<const int32_t> TokenTable::ids(int64_t row, int64_t variant) const {
  const size_t at = first_variant_.at(static_cast<size_t>(row)) + static_cast<size_t>(variant);
  return std::span(ids_).subspan(id_offset_.at(at), id_offset_.at(at + 1) - id_offset_.at(at));
}

void TokenTable::write(const fs::path& path, bool deflate) const {
  const fs::path aside = path.string() + ".part";
  if (path.has_parent_path()) fs::create_directories(path.parent_path());
  {
    const Hdf5Lock lock;
    const Hdf5Handle file = create_hdf5_file(aside);
    write_attribute(file, "schema", std::string(kTokenTableSchema));
    write_attribute(file, "version", kTokenTableVersion);
    write_attribute(file, "digest", digest);
    visit_columns(*this, [&](const char* name, const auto& values) {
      using T = typename std::decay_t<decltype(values)>::value_type;
      const std::array<hsize_t, 1> shape{values.size()};
      const Hdf5Handle dataset =
          create_dataset(file, name, Element<T>::file(), shape, {.deflate = deflate});
      write_attribute(dataset, "crc32c", crc_of(values));
      if (values.empty()) return;
      hdf5_check(
          H5Dwrite(dataset, Element<T>::memory(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
          fmt::format("{}: dataset {}", aside.string(), name));
    });
  }
  RawFile(aside, RawFile::Mode::kReadWrite).sync();
  rename_file(aside, path);
}

TokenTable TokenTable::read(const fs::path& path) {
  const Hdf5Lock lock;
  const std::string where = path.string();
  const Hdf5Handle file = open_hdf5_file(path);
  if (read_string_attribute(file, "schema", where) != kTokenTableSchema) {
    throw util::DataError(where + ": not a token table");
  }
  if (const int64_t version = read_integer_attribute(file, "version", where);
      version != kTokenTableVersion) {
    throw util::DataError(fmt::format(
        "{}: token table version {}, this build reads {}; build the cache again with omnigen-cache "
        "build",
        where, version, kTokenTableVersion));
  }
  TokenTable table;
  table.digest = read_string_attribute(file, "digest", where);
  visit_columns(table, [&](const char* name, auto& values) {
    using T = typename std::decay_t<decltype(values)>::value_type;
    values = read_column<T>(file, name, Element<T>::memory(), where);
    const Hdf5Handle dataset(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose, where);
    if (crc_of(values) != read_integer_attribute(dataset, "crc32c", where)) {
      throw util::DataError(fmt::format(
          "{}: dataset {} is damaged; delete the file and run omnigen-cache build", where, name));
    }
  });
  table.check(where);
  return table;
}

void TokenTable::check(const std::string& where) const {
  const size_t num_captions = caption_offset_.size() - 1;
  if (!offsets_fit(path_offset_, path_bytes_.size()) ||
      !offsets_fit(caption_offset_, caption_bytes_.size()) ||
      !offsets_fit(id_offset_, ids_.size()) || !offsets_fit(first_variant_, num_captions) ||
      id_offset_.size() != caption_offset_.size() || first_variant_.size() != path_offset_.size()) {
    throw util::DataError(where + ": its tables do not fit together");
  }
}

}  // namespace omnigen::io
