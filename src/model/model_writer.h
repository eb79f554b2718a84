// A model folder in the diffusers layout, as OmniGenPipeline.from_pretrained loads it.
//
// Errors (all functions): Error naming the path and the system's reason.
// Source: diffusers configuration_utils.py, models/modeling_utils.py (sharding, names).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "model/autoencoder.h"
#include "model/random_init.h"
#include "model/transformer_config.h"
#include "model/weight_source.h"

namespace omnigen::model {

nlohmann::ordered_json transformer_config_json(const TransformerConfig& config);
nlohmann::ordered_json autoencoder_config_json(const AutoencoderConfig& config);
nlohmann::ordered_json scheduler_config_json();
nlohmann::ordered_json model_index_json();

struct WeightFiles {
  at::ScalarType dtype = at::kBFloat16;
  // A new file is begun before this is exceeded; no more than one file's tensors are in memory.
  int64_t max_shard_bytes = int64_t{512} << 20;
  std::function<void(int64_t bytes_done, int64_t bytes_total)> progress = {};
  std::string base = "diffusion_pytorch_model";
};

// `<folder>/<base>.safetensors`, or shards and their index, which is written last.
void write_weights(const std::filesystem::path& folder, const WeightSource& weights,
                   const WeightFiles& files);
WeightSource source_of(const RandomWeights& weights, at::ScalarType dtype);

struct RandomModel {
  TransformerConfig transformer;
  AutoencoderConfig autoencoder;
  bool with_autoencoder = true;  // false: `vae/` is the caller's too
  RandomScheme scheme = RandomScheme::kPlausible;
  uint64_t seed = 0;
  WeightFiles transformer_files;
  WeightFiles autoencoder_files = {at::kFloat, int64_t{512} << 20, {}, "diffusion_pytorch_model"};
};

// transformer/, vae/, scheduler/ and, last, model_index.json. `tokenizer/` is the caller's to copy.
void write_random_model(const std::filesystem::path& folder, const RandomModel& model);

}  // namespace omnigen::model
