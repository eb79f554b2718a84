// LoKr adapter files as LyCORIS and SimpleTuner read them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "adapter/adapter_files.h"

namespace omnigen::adapter {

inline constexpr const char* kLokrFile = "pytorch_lora_weights.safetensors";
inline constexpr const char* kLycorisConfigFile = "lycoris_config.json";

// kLokrFile with `lycoris_config` in its metadata, and kLycorisConfigFile.
AdapterFiles lokr_files(const nlohmann::ordered_json& lycoris_config, Tensors tensors,
                        const FileFacts& facts);

// What a LoKr file says about itself; nothing where it does not.
struct FileOrigin {
  std::optional<nlohmann::ordered_json> lycoris_config;
  std::optional<int64_t> step;
};
FileOrigin read_origin(const std::filesystem::path& path);

}  // namespace omnigen::adapter
