// The original published layout (`Shitao/OmniGen-v1`): a Phi-3 config.json and `model.safetensors`
// with fused q, k, v. Converted on load.
//
// Source: diffusers scripts/convert_omnigen_to_diffusers.py; VectorSpaceLab/OmniGen
// OmniGen/model.py.
#pragma once

#include <filesystem>

#include "model/transformer_config.h"
#include "model/weight_map.h"

namespace omnigen::model {

// True for a config.json with Phi-3's keys.
bool is_original_layout(const std::filesystem::path& config_path);

// What Phi-3's keys say; the rest is fixed in the original. Errors: DataError naming the key.
TransformerConfig original_config(const std::filesystem::path& config_path);

// Weights by diffusers name. q, k, v are views of the fused weight. Errors: DataError.
TransformerWeights read_original(const std::filesystem::path& folder,
                                 const TransformerConfig& config, const Placement& placement);

}  // namespace omnigen::model
