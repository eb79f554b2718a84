// Adapter files as LyCORIS and SimpleTuner read them.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace omnigen::adapter {

inline constexpr const char* kAdapterFile = "pytorch_lora_weights.safetensors";
inline constexpr const char* kLycorisConfigFile = "lycoris_config.json";

// Metadata of a file: `lycoris_config` and the modelspec keys. Empty texts are left out.
struct FileFacts {
  nlohmann::ordered_json lycoris_config;
  int64_t step = 0;
  std::string title = {};     // the run's name
  int64_t resolution = 1024;  // pixels of a side
  std::string flavour = "v1";
  std::string comment = {};
  std::string trained_words = {};
};
std::map<std::string, std::string> file_metadata(const FileFacts& facts);

// Writes kAdapterFile and kLycorisConfigFile into `folder`, which is made where it is missing.
// Errors: Error of the file system.
void save_adapter(const std::filesystem::path& folder,
                  const std::map<std::string, at::Tensor>& tensors,
                  const std::map<std::string, std::string>& metadata,
                  const nlohmann::ordered_json& lycoris_config);

// Every tensor of an adapter file, or of the one in a folder. Errors: DataError, also for a file
// without LoKr factors.
std::map<std::string, at::Tensor> read_adapter(const std::filesystem::path& path);

// What a file says about itself; nothing where it does not.
struct FileOrigin {
  std::optional<nlohmann::ordered_json> lycoris_config;
  std::optional<int64_t> step;
};
FileOrigin read_origin(const std::filesystem::path& path);

}  // namespace omnigen::adapter
