// The original published layout (`Shitao/OmniGen-v1`): a Phi-3 config.json and `model.safetensors`
// with fused q, k, v. Converted on load, and back.
//
// Source: diffusers scripts/convert_omnigen_to_diffusers.py; VectorSpaceLab/OmniGen
// OmniGen/model.py.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "model/transformer_config.h"
#include "model/weight_source.h"

namespace omnigen::model {

// True for a config.json with Phi-3's keys.
bool is_original_layout(const std::filesystem::path& config_path);

// What Phi-3's keys say; the rest is fixed in the original. Errors: DataError naming the key.
TransformerConfig original_config(const std::filesystem::path& config_path);

// Weights by diffusers name as they are stored, memory-mapped. q, k, v are views of the fused
// weight. Errors: DataError.
std::map<std::string, at::Tensor> read_original(const std::filesystem::path& folder,
                                                const TransformerConfig& config);

// Phi-3's keys. Errors: ConfigError naming what this layout fixes at another value.
nlohmann::ordered_json original_config_json(const TransformerConfig& config);
// `weight` gives a weight by its diffusers name; the source has the layout's own names.
WeightSource original_source(const TransformerConfig& config,
                             const std::function<at::Tensor(const std::string&)>& weight);

}  // namespace omnigen::model
