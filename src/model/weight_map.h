// Published model folders -> weights by diffusers name: complete, or one error listing what is
// missing, unexpected or of another shape.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "model/autoencoder.h"
#include "model/omnigen_transformer.h"

namespace omnigen::model {

struct Placement {
  at::ScalarType dtype = at::kBFloat16;
  at::Device device = at::kCPU;
  // How the linear layers' weights are stored; nothing: in dtype.
  std::optional<nn::WeightFormat> format = {};
  bool compact_on_host = false;  // then the device never holds a weight in dtype
  // Every weight a leaf with memory of its own, which autograd and an optimizer may write to.
  bool trained = false;
};

// `<folder>/transformer/` or, without that, `<folder>` itself: config.json and
// diffusion_pytorch_model[.safetensors|-0000x-of-0000y.safetensors]. Weights stay memory-mapped
// where dtype and device already fit; those that a format compacts are read one after another.
// `patch_embedding.pos_embed` may be absent: it is computed.
// Errors: DataError.
std::unique_ptr<OmniGenTransformer> load_transformer(const std::filesystem::path& folder,
                                                     const Placement& placement);

// Weights by diffusers name as they are stored, memory-mapped, of either layout; the positional
// table where there is one. Errors: DataError.
std::map<std::string, at::Tensor> stored_weights(const std::filesystem::path& folder,
                                                 const TransformerConfig& config);

// The folder of the VAE itself: config.json and the weights. Errors: DataError.
std::unique_ptr<Autoencoder> load_autoencoder(const std::filesystem::path& folder,
                                              const Placement& placement);

// What `check` prints without loading: configuration if readable, else the reason.
TransformerConfig read_transformer_config(const std::filesystem::path& folder);

// Bytes of the transformer's weights as placed, without loading them; the positional table
// excluded.
int64_t weight_bytes(const TransformerConfig& config, const Placement& placement);

// Throws one DataError listing every missing, unexpected and mis-shaped tensor (first 10 of each,
// totals).
void require_exact(const std::string& what,
                   const std::map<std::string, std::vector<int64_t>>& expected,
                   const std::map<std::string, std::vector<int64_t>>& found,
                   const std::vector<std::string>& optional = {});

}  // namespace omnigen::model
