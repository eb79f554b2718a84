// Tensors of a safetensors file, memory-mapped: nothing is read before it is used.
//
// Source: huggingface/safetensors README.md, "Format".
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace omnigen::io {

struct TensorInfo {
  at::ScalarType dtype = at::kFloat;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // bytes from the start of the data section
  uint64_t end = 0;
};

class SafetensorsReader {
 public:
  // Errors: DataError when the file is missing, truncated or not a valid safetensors file.
  explicit SafetensorsReader(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const std::map<std::string, TensorInfo>& tensors() const { return tensors_; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }
  [[nodiscard]] bool contains(const std::string& name) const { return tensors_.contains(name); }

  // A view of the mapping, which lives as long as any tensor made from it. Writing to it changes
  // this process only (the mapping is private). Errors: DataError for an unknown name.
  [[nodiscard]] at::Tensor tensor(const std::string& name) const;

 private:
  struct Mapping;

  void parse_header();
  void check_layout(uint64_t data_bytes) const;

  std::filesystem::path path_;
  std::shared_ptr<Mapping> mapping_;
  uint64_t data_offset_ = 0;
  std::map<std::string, TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
};

// The tensors of a model folder: `<base>.safetensors`, or the shards that
// `<base>.safetensors.index.json` names.
class SafetensorsFolder {
 public:
  // Errors: DataError when neither is there, a shard is missing or truncated, or index and shards
  // differ.
  SafetensorsFolder(const std::filesystem::path& folder, const std::string& base);

  [[nodiscard]] std::vector<std::string> names() const;
  // Errors: DataError for an unknown name.
  [[nodiscard]] const TensorInfo& info(const std::string& name) const;
  [[nodiscard]] at::Tensor tensor(const std::string& name) const;
  [[nodiscard]] bool contains(const std::string& name) const { return owner_.contains(name); }
  [[nodiscard]] const std::vector<SafetensorsReader>& files() const { return files_; }

 private:
  void open_shards(const std::filesystem::path& folder,
                   const std::map<std::string, std::string>& shard_of);
  [[nodiscard]] const SafetensorsReader& file_of(const std::string& name) const;

  std::string where_;
  std::vector<SafetensorsReader> files_;
  std::map<std::string, size_t> owner_;
};

}  // namespace omnigen::io
