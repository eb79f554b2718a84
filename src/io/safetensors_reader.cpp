#include "io/safetensors_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "io/safetensors_dtype.h"
#include "util/error.h"

namespace omnigen::io {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

TensorInfo parse_tensor(const std::string& where, const nlohmann::json& entry) {
  TensorInfo info;
  info.dtype = dtype_from_name(entry.at("dtype").get<std::string>(), where);
  info.shape = entry.at("shape").get<std::vector<int64_t>>();
  const auto offsets = entry.at("data_offsets").get<std::vector<uint64_t>>();
  uint64_t expected = c10::elementSize(info.dtype);
  for (const int64_t size : info.shape) expected *= static_cast<uint64_t>(size);
  if (offsets.size() != 2 || offsets[1] < offsets[0] || offsets[1] - offsets[0] != expected) {
    throw util::DataError(fmt::format("{}: data_offsets do not fit shape and dtype", where));
  }
  info.begin = offsets[0];
  info.end = offsets[1];
  return info;
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
  if (mapping_->size < kLengthBytes || header_bytes > kMaxHeaderBytes ||
      header_bytes > mapping_->size - kLengthBytes) {
    throw util::DataError(
        fmt::format("{}: not a safetensors file or truncated: {} bytes, header says {}",
                    path_.string(), mapping_->size, header_bytes));
  }
  data_offset_ = kLengthBytes + header_bytes;
  const char* begin = mapping_->data + kLengthBytes;
  const auto header = nlohmann::json::parse(begin, begin + header_bytes);
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
      throw util::DataError(
          fmt::format("{}: tensors overlap or leave a hole at byte {}", path_.string(), position));
    }
    position = end;
  }
  if (position != data_bytes) {
    throw util::DataError(
        fmt::format("{}: {} bytes of tensor data, header names {}: truncated or damaged",
                    path_.string(), data_bytes, position));
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

SafetensorsFolder::SafetensorsFolder(const std::filesystem::path& folder, const std::string& base) {
  const auto single = folder / (base + ".safetensors");
  const auto index_path = folder / (base + ".safetensors.index.json");
  std::set<std::string> shard_names;
  if (std::filesystem::exists(index_path)) {
    std::ifstream stream(index_path);
    try {
      const auto index = nlohmann::json::parse(stream);
      for (const auto& [tensor, shard] : index.at("weight_map").items()) {
        shard_names.insert(shard.get<std::string>());
      }
    } catch (const nlohmann::json::exception& error) {
      throw util::DataError(
          fmt::format("{}: not a shard index: {}", index_path.string(), error.what()));
    }
  } else if (std::filesystem::exists(single)) {
    shard_names.insert(single.filename().string());
  } else {
    throw util::DataError(fmt::format("no weights in {}: neither {} nor {} is there",
                                      folder.string(), single.filename().string(),
                                      index_path.filename().string()));
  }
  for (const std::string& name : shard_names) {
    files_.emplace_back(folder / name);
    for (const auto& [tensor, info] : files_.back().tensors()) owner_[tensor] = files_.size() - 1;
  }
}

std::vector<std::string> SafetensorsFolder::names() const {
  std::vector<std::string> names;
  names.reserve(owner_.size());
  for (const auto& [name, file] : owner_) names.push_back(name);
  return names;
}

const TensorInfo& SafetensorsFolder::info(const std::string& name) const {
  return files_.at(owner_.at(name)).tensors().at(name);
}

at::Tensor SafetensorsFolder::tensor(const std::string& name) const {
  return files_.at(owner_.at(name)).tensor(name);
}

}  // namespace omnigen::io
