// LoRA adapter files as peft reads and writes them: PeftModel.from_pretrained(transformer, folder).
//
// Source: peft utils/save_and_load.py, tuners/lora/config.py.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "adapter/adapter_files.h"

namespace omnigen::adapter {

inline constexpr const char* kPeftFile = "adapter_model.safetensors";
inline constexpr const char* kPeftConfigFile = "adapter_config.json";

// "layers.0.self_attn.to_q" -> "base_model.model.layers.0.self_attn.to_q".
std::string peft_name(const std::string& module_name);

// kPeftFile and kPeftConfigFile with `config`; alphas are left out, since `config` says them.
AdapterFiles peft_files(const nlohmann::ordered_json& config, Tensors tensors,
                        const FileFacts& facts);

// Tensors of the file at `path` under the names that peft_name() gives (a prefix of diffusers,
// "transformer.", or none is accepted), with each layer's alpha: from the file itself, or from
// kPeftConfigFile beside it. Errors: DataError where neither tells the scale.
Tensors from_peft(const std::filesystem::path& path, Tensors tensors);

}  // namespace omnigen::adapter
