#include "validate/clip_tower.h"

#include <fmt/format.h>

namespace omnigen::validate {
namespace {

constexpr double kQuickGeluSlope = 1.702;

ClipAffine linear_weights(const ClipWeights& weights, const std::string& name, int64_t out,
                          int64_t in) {
  return {weights(name + ".weight", {out, in}), weights(name + ".bias", {out})};
}

at::Tensor linear(const at::Tensor& x, const ClipAffine& affine) {
  return at::linear(x, affine.weight, affine.bias);
}

}  // namespace

ClipAffine clip_norm_weights(const ClipWeights& weights, const std::string& name, int64_t size) {
  return {weights(name + ".weight", {size}), weights(name + ".bias", {size})};
}

ClipTower::ClipTower(const ClipTowerConfig& config, const std::string& prefix,
                     const ClipWeights& weights)
    : config_(config) {
  const int64_t hidden = config.hidden_size;
  for (int64_t i = 0; i < config.num_layers; ++i) {
    const std::string name = fmt::format("{}.layers.{}.", prefix, i);
    const auto projection = [&](const char* which) {
      return linear_weights(weights, name + "self_attn." + which, hidden, hidden);
    };
    layers_.push_back(
        {clip_norm_weights(weights, name + "layer_norm1", hidden), projection("q_proj"),
         projection("k_proj"), projection("v_proj"), projection("out_proj"),
         clip_norm_weights(weights, name + "layer_norm2", hidden),
         linear_weights(weights, name + "mlp.fc1", config.intermediate_size, hidden),
         linear_weights(weights, name + "mlp.fc2", hidden, config.intermediate_size)});
  }
}

at::Tensor ClipTower::norm(const at::Tensor& x, const ClipAffine& affine) const {
  return at::layer_norm(x, {config_.hidden_size}, affine.weight, affine.bias,
                        config_.layer_norm_eps);
}

at::Tensor ClipTower::attention(const Layer& layer, const at::Tensor& x_LD, bool causal) const {
  const int64_t length = x_LD.size(0);
  const auto heads = [&](const ClipAffine& affine) {  // [1, heads, L, D / heads]
    return linear(x_LD, affine).view({1, length, config_.num_heads, -1}).transpose(1, 2);
  };
  const at::Tensor mixed = at::scaled_dot_product_attention(
      heads(layer.q), heads(layer.k), heads(layer.v), {}, /*dropout_p=*/0.0, causal);
  return linear(mixed.transpose(1, 2).reshape({length, config_.hidden_size}), layer.out);
}

at::Tensor ClipTower::mlp(const Layer& layer, const at::Tensor& x_LD) const {
  const at::Tensor up = linear(x_LD, layer.up);
  const at::Tensor active = config_.activation == ClipActivation::kQuickGelu
                                ? up * at::sigmoid(kQuickGeluSlope * up)
                                : at::gelu(up);
  return linear(active, layer.down);
}

at::Tensor ClipTower::forward(const at::Tensor& x_LD, bool causal) const {
  at::Tensor x = x_LD;
  for (const Layer& layer : layers_) {
    x = x + attention(layer, norm(x, layer.norm1), causal);
    x = x + mlp(layer, norm(x, layer.norm2));
  }
  return x;
}

}  // namespace omnigen::validate
