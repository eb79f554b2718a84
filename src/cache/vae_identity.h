// F_vae: the weights of the VAE and the way it is applied.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "config/schema.h"
#include "data/cache_index.h"

namespace omnigen::cache {

struct VaeSettings {
  std::filesystem::path folder;          // with config.json and weights
  at::ScalarType dtype = at::kBFloat16;  // of the computation and of stored latents
  bool tiling = false;
  bool sample_posterior = true;  // false: its mean
  uint64_t seed = 0;             // of the posterior sample
};

// `<pretrained_model>/vae`, or the folder of another VAE.
std::filesystem::path vae_folder(const config::ModelConfig& config);
VaeSettings vae_settings(const config::Config& config);

// Name -> size and time of the weight files.
nlohmann::json vae_files(const std::filesystem::path& folder);

// SHA-256 over (name, dtype, shape, bytes) of every tensor in order of name, so that it does not
// depend on how files are split. Errors: DataError.
std::string vae_weights_hash(const std::filesystem::path& folder);

// `known`: the index of the cache as it is. Its weight hash is taken over while the files' size and
// time are those it was computed from.
data::Fingerprint vae_fingerprint(const VaeSettings& settings,
                                  const std::optional<data::CacheIndex>& known);

}  // namespace omnigen::cache
