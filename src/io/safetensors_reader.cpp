#include "io/safetensors_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "io/atomic_file.h"
#include "io/safetensors_dtype.h"
#include "util/error.h"

namespace omnigen::io {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr uint64_t kMaxSize = std::numeric_limits<int64_t>::max();

// Whole numbers only: JSON 1.5 or -1 is damage, not something to convert.
std::vector<uint64_t> parse_sizes(const std::string& where, const nlohmann::json& entry,
                                  const char* key) {
  std::vector<uint64_t> sizes;
  for (const auto& value : entry.at(key)) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > kMaxSize) {
      throw util::DataError(
          fmt::format("{}: {} {} is not a list of sizes", where, key, entry.at(key).dump()));
    }
    sizes.push_back(value.get<uint64_t>());
  }
  return sizes;
}

TensorInfo parse_tensor(const std::string& where, const nlohmann::json& entry) {
  TensorInfo info;
  info.dtype = dtype_from_name(entry.at("dtype").get<std::string>(), where);
  const auto shape = parse_sizes(where, entry, "shape");
  const auto offsets = parse_sizes(where, entry, "data_offsets");
  uint64_t expected = c10::elementSize(info.dtype);
  bool overflow = false;
  for (const uint64_t size : shape) {
    overflow |= __builtin_mul_overflow(expected, size, &expected);
    info.shape.push_back(static_cast<int64_t>(size));
  }
  if (overflow || offsets.size() != 2 || offsets[1] < offsets[0] ||
      offsets[1] - offsets[0] != expected) {
    throw util::DataError(
        fmt::format("{}: data_offsets {} do not fit {} {}", where, entry.at("data_offsets").dump(),
                    entry.at("dtype").get<std::string>(), entry.at("shape").dump()));
  }
  info.begin = offsets[0];
  info.end = offsets[1];
  return info;
}

// A name that comes twice is an error of the format; the JSON parser would silently keep the last.
nlohmann::json parse_json(const std::string& where, const char* begin, const char* end) {
  std::set<std::string> names;
  const auto check = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    if (event == nlohmann::json::parse_event_t::key && depth == 1 &&
        !names.insert(value.get<std::string>()).second) {
      throw util::DataError(
          fmt::format("{}: \"{}\" is named twice", where, value.get<std::string>()));
    }
    return true;
  };
  return nlohmann::json::parse(begin, end, check);
}

std::string size_text(uint64_t bytes) {
  return bytes < 10'000'000 ? fmt::format("{} bytes", bytes)
                            : fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
}

}  // namespace

struct SafetensorsReader::Mapping {
  char* data = nullptr;
  uint64_t size = 0;

  explicit Mapping(const std::filesystem::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      throw util::DataError(
          fmt::format("{}: cannot be opened: {}", path.string(), std::strerror(errno)));
    }
    struct stat status {};
    const bool ok = ::fstat(fd, &status) == 0 && status.st_size > 0;
    size = ok ? static_cast<uint64_t>(status.st_size) : 0;
    void* address =
        ok ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    ::close(fd);
    if (address == MAP_FAILED) {
      throw util::DataError(fmt::format("{}: {}", path.string(),
                                        ok ? std::strerror(errno) : "not a file, or 0 bytes"));
    }
    data = static_cast<char*>(address);
  }
  ~Mapping() { ::munmap(data, size); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
};

SafetensorsReader::SafetensorsReader(const std::filesystem::path& path)
    : path_(path), mapping_(std::make_shared<Mapping>(path)) {
  try {
    parse_header();
  } catch (const nlohmann::json::exception& error) {
    throw util::DataError(fmt::format("{}: not a safetensors file, its header is damaged: {}",
                                      path.string(), error.what()));
  }
}

void SafetensorsReader::parse_header() {
  uint64_t header_bytes = 0;
  if (mapping_->size >= kLengthBytes) std::memcpy(&header_bytes, mapping_->data, kLengthBytes);
  if (mapping_->size < kLengthBytes || header_bytes == 0 || header_bytes > kMaxHeaderBytes) {
    throw util::DataError(
        fmt::format("{}: not a safetensors file ({})", path_.string(), size_text(mapping_->size)));
  }
  if (header_bytes > mapping_->size - kLengthBytes) {
    throw util::DataError(fmt::format(
        "{}: {}, of which the header alone takes {}: the file is truncated; fetch it again",
        path_.string(), size_text(mapping_->size), size_text(kLengthBytes + header_bytes)));
  }
  data_offset_ = kLengthBytes + header_bytes;
  const char* begin = mapping_->data + kLengthBytes;
  const auto header = parse_json(path_.string(), begin, begin + header_bytes);
  if (!header.is_object()) {
    throw util::DataError(fmt::format("{}: its header is not a JSON object", path_.string()));
  }
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      metadata_ = entry.get<std::map<std::string, std::string>>();
    } else {
      tensors_.emplace(name, parse_tensor(path_.string() + ": tensor " + name, entry));
    }
  }
  check_layout(mapping_->size - data_offset_);
}

void SafetensorsReader::check_layout(uint64_t data_bytes) const {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto& [name, info] : tensors_) ranges.emplace_back(info.begin, info.end);
  std::sort(ranges.begin(), ranges.end());
  uint64_t position = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != position) {
      throw util::DataError(fmt::format("{}: tensors {} at byte {} of the data", path_.string(),
                                        begin < position ? "overlap" : "leave a hole", position));
    }
    position = end;
  }
  if (position > data_bytes) {
    throw util::DataError(fmt::format("{}: {} of {}: the file is truncated; fetch it again",
                                      path_.string(), size_text(mapping_->size),
                                      size_text(data_offset_ + position)));
  }
  if (position < data_bytes) {
    throw util::DataError(fmt::format("{}: {} follow the last tensor: the file is damaged",
                                      path_.string(), size_text(data_bytes - position)));
  }
}

at::Tensor SafetensorsReader::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    throw util::DataError(fmt::format("{}: no tensor \"{}\"", path_.string(), name));
  }
  const TensorInfo& info = found->second;
  char* data = mapping_->data + data_offset_ + info.begin;
  const auto options = at::TensorOptions().dtype(info.dtype);
  const uint64_t item_bytes = c10::elementSize(info.dtype);
  if (reinterpret_cast<uintptr_t>(data) % item_bytes != 0) {  // headers need not be padded
    at::Tensor copy = at::empty(info.shape, options);
    std::memcpy(copy.data_ptr(), data, info.end - info.begin);
    return copy;
  }
  return at::from_blob(
      data, info.shape, [mapping = mapping_](void*) {}, options);
}

namespace {

// Tensor name -> shard. Errors: DataError if the index is damaged.
std::map<std::string, std::string> read_index(const std::filesystem::path& path) {
  try {
    return nlohmann::json::parse(read_file(path))
        .at("weight_map")
        .get<std::map<std::string, std::string>>();
  } catch (const nlohmann::json::exception& error) {
    throw util::DataError(fmt::format("{}: not a shard index: {}", path.string(), error.what()));
  }
}

}  // namespace

SafetensorsFolder::SafetensorsFolder(const std::filesystem::path& folder, const std::string& base)
    : where_((folder / base).string()) {
  const auto single = folder / (base + ".safetensors");
  const auto index_path = folder / (base + ".safetensors.index.json");
  if (std::filesystem::exists(index_path)) {
    open_shards(folder, read_index(index_path));
  } else if (std::filesystem::exists(single)) {
    files_.emplace_back(single);
    for (const auto& [tensor, info] : files_.back().tensors()) owner_[tensor] = 0;
  } else {
    throw util::DataError(fmt::format("no weights in {}: neither {} nor {} is there",
                                      folder.string(), single.filename().string(),
                                      index_path.filename().string()));
  }
}

void SafetensorsFolder::open_shards(const std::filesystem::path& folder,
                                    const std::map<std::string, std::string>& shard_of) {
  std::map<std::string, size_t> position;
  for (const auto& [tensor, shard] : shard_of) {
    const auto [entry, added] = position.emplace(shard, files_.size());
    if (added) files_.emplace_back(folder / shard);
    if (!files_[entry->second].contains(tensor)) {
      throw util::DataError(fmt::format("{}: no tensor \"{}\", though the index names it",
                                        (folder / shard).string(), tensor));
    }
    owner_[tensor] = entry->second;
  }
  for (const SafetensorsReader& file : files_) {
    for (const auto& [tensor, info] : file.tensors()) {
      if (!shard_of.contains(tensor)) {
        throw util::DataError(
            fmt::format("{}: tensor \"{}\" is not in the index", file.path().string(), tensor));
      }
    }
  }
}

std::vector<std::string> SafetensorsFolder::names() const {
  std::vector<std::string> names;
  names.reserve(owner_.size());
  for (const auto& [name, file] : owner_) names.push_back(name);
  return names;
}

const SafetensorsReader& SafetensorsFolder::file_of(const std::string& name) const {
  const auto found = owner_.find(name);
  if (found == owner_.end()) {
    throw util::DataError(fmt::format("{}: no tensor \"{}\"", where_, name));
  }
  return files_[found->second];
}

const TensorInfo& SafetensorsFolder::info(const std::string& name) const {
  return file_of(name).tensors().at(name);
}

at::Tensor SafetensorsFolder::tensor(const std::string& name) const {
  return file_of(name).tensor(name);
}

}  // namespace omnigen::io
