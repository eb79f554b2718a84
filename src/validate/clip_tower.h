// The encoder that CLIP's text and image towers share: pre-norm transformer layers.
//
// Source: huggingface/transformers src/transformers/models/clip/modeling_clip.py, CLIPEncoderLayer.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace omnigen::validate {

enum class ClipActivation { kGelu, kQuickGelu };

struct ClipTowerConfig {
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_layers = 0;
  int64_t num_heads = 0;
  double layer_norm_eps = 1e-5;
  ClipActivation activation = ClipActivation::kQuickGelu;
};

// A weight by its name below the model; its shape is checked.
using ClipWeights =
    std::function<at::Tensor(const std::string& name, const std::vector<int64_t>& shape)>;

struct ClipAffine {  // of a linear layer or a norm
  at::Tensor weight;
  at::Tensor bias;
};

class ClipTower {
 public:
  // Weights `<prefix>.layers.<i>.…`. Errors: those of `weights`.
  ClipTower(const ClipTowerConfig& config, const std::string& prefix, const ClipWeights& weights);

  // Shapes: x [L, D] -> [L, D], float32. `causal`: row i sees rows 0 to i.
  [[nodiscard]] at::Tensor forward(const at::Tensor& x_LD, bool causal) const;
  [[nodiscard]] at::Tensor norm(const at::Tensor& x, const ClipAffine& affine) const;

 private:
  struct Layer {
    ClipAffine norm1, q, k, v, out, norm2, up, down;
  };

  [[nodiscard]] at::Tensor attention(const Layer& layer, const at::Tensor& x_LD, bool causal) const;
  [[nodiscard]] at::Tensor mlp(const Layer& layer, const at::Tensor& x_LD) const;

  ClipTowerConfig config_;
  std::vector<Layer> layers_;
};

// `<name>.weight` and `<name>.bias` of a norm over `size` channels.
ClipAffine clip_norm_weights(const ClipWeights& weights, const std::string& name, int64_t size);

}  // namespace omnigen::validate
