// B images, C channels, H x W pixels or latents, L = H·W.
#include "model/autoencoder_blocks.h"

#include <fmt/format.h>

namespace omnigen::model {
namespace {

constexpr double kEps = 1e-6;

at::Tensor normalise(const Affine& norm, const at::Tensor& x, int64_t groups) {
  return at::group_norm(x, groups, norm.weight, norm.bias, kEps);
}

at::Tensor normalise_silu(const Affine& norm, const at::Tensor& x, int64_t groups) {
  at::Tensor y = normalise(norm, x, groups);
  return at::silu_(y);
}

// A zero row below and a zero column on the right, then every other pixel.
at::Tensor downsample(const Affine& conv, const at::Tensor& x) {
  return at::conv2d(at::constant_pad_nd(x, {0, 1, 0, 1}), conv.weight, conv.bias, 2);
}

at::Tensor upsample(const Affine& conv, const at::Tensor& x) {
  return convolve(conv, at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}, 2.0, 2.0));
}

Level level_at(const VaeWeights& weights, const std::string& name, int64_t num_resnets,
               int64_t groups, const char* resampler) {
  Level level;
  for (int64_t i = 0; i < num_resnets; ++i) {
    level.resnets.emplace_back(weights, fmt::format("{}.resnets.{}", name, i), groups);
  }
  const std::string conv = fmt::format("{}.{}.0.conv", name, resampler);
  if (weights.contains(conv + ".weight")) level.resample = affine_at(weights, conv);
  return level;
}

}  // namespace

Affine affine_at(const VaeWeights& weights, const std::string& name) {
  const auto weight = weights.find(name + ".weight");
  const auto bias = weights.find(name + ".bias");
  TORCH_CHECK(weight != weights.end() && bias != weights.end(), "autoencoder: layer '", name,
              "' has no weight or no bias");
  return {weight->second, bias->second};
}

at::Tensor convolve(const Affine& conv, const at::Tensor& x_BCHW) {
  return at::conv2d(x_BCHW, conv.weight, conv.bias, 1, conv.weight.size(2) / 2);
}

ResnetBlock::ResnetBlock(const VaeWeights& weights, const std::string& name, int64_t groups)
    : norm1_(affine_at(weights, name + ".norm1")),
      conv1_(affine_at(weights, name + ".conv1")),
      norm2_(affine_at(weights, name + ".norm2")),
      conv2_(affine_at(weights, name + ".conv2")),
      groups_(groups) {
  const std::string shortcut = name + ".conv_shortcut";
  if (weights.contains(shortcut + ".weight")) shortcut_ = affine_at(weights, shortcut);
}

at::Tensor ResnetBlock::forward(const at::Tensor& x_BCHW) const {
  at::Tensor h = convolve(conv1_, normalise_silu(norm1_, x_BCHW, groups_));
  h = convolve(conv2_, normalise_silu(norm2_, h, groups_));
  return h.add_(shortcut_ ? convolve(*shortcut_, x_BCHW) : x_BCHW);
}

SpatialAttention::SpatialAttention(const VaeWeights& weights, const std::string& name,
                                   int64_t groups)
    : norm_(affine_at(weights, name + ".group_norm")),
      to_q_(affine_at(weights, name + ".to_q")),
      to_k_(affine_at(weights, name + ".to_k")),
      to_v_(affine_at(weights, name + ".to_v")),
      to_out_(affine_at(weights, name + ".to_out.0")),
      groups_(groups) {}

at::Tensor SpatialAttention::forward(const at::Tensor& x_BCHW) const {
  const at::Tensor tokens_BLC =
      normalise(norm_, x_BCHW, groups_).flatten(2).transpose(1, 2).contiguous();
  const auto project = [&](const Affine& linear) {
    return at::linear(tokens_BLC, linear.weight, linear.bias).unsqueeze(1);
  };
  const at::Tensor mixed_BLC =
      at::scaled_dot_product_attention(project(to_q_), project(to_k_), project(to_v_)).squeeze(1);
  return at::linear(mixed_BLC, to_out_.weight, to_out_.bias)
             .transpose(1, 2)
             .reshape(x_BCHW.sizes()) +
         x_BCHW;
}

MidBlock::MidBlock(const VaeWeights& weights, const std::string& name, int64_t groups)
    : first_(weights, name + ".resnets.0", groups),
      attention_(weights, name + ".attentions.0", groups),
      second_(weights, name + ".resnets.1", groups) {}

at::Tensor MidBlock::forward(const at::Tensor& x_BCHW) const {
  return second_.forward(attention_.forward(first_.forward(x_BCHW)));
}

Encoder::Encoder(const AutoencoderConfig& config, const VaeWeights& weights)
    : conv_in_(affine_at(weights, "encoder.conv_in")),
      mid_(weights, "encoder.mid_block", config.norm_num_groups),
      norm_out_(affine_at(weights, "encoder.conv_norm_out")),
      conv_out_(affine_at(weights, "encoder.conv_out")),
      groups_(config.norm_num_groups) {
  for (size_t i = 0; i < config.block_out_channels.size(); ++i) {
    levels_.push_back(level_at(weights, fmt::format("encoder.down_blocks.{}", i),
                               config.layers_per_block, groups_, "downsamplers"));
  }
}

at::Tensor Encoder::forward(const at::Tensor& image_BCHW) const {
  at::Tensor x = convolve(conv_in_, image_BCHW);
  for (const Level& level : levels_) {
    for (const ResnetBlock& resnet : level.resnets) x = resnet.forward(x);
    if (level.resample) x = downsample(*level.resample, x);
  }
  return convolve(conv_out_, normalise_silu(norm_out_, mid_.forward(x), groups_));
}

Decoder::Decoder(const AutoencoderConfig& config, const VaeWeights& weights)
    : conv_in_(affine_at(weights, "decoder.conv_in")),
      mid_(weights, "decoder.mid_block", config.norm_num_groups),
      norm_out_(affine_at(weights, "decoder.conv_norm_out")),
      conv_out_(affine_at(weights, "decoder.conv_out")),
      groups_(config.norm_num_groups) {
  for (size_t i = 0; i < config.block_out_channels.size(); ++i) {
    levels_.push_back(level_at(weights, fmt::format("decoder.up_blocks.{}", i),
                               config.layers_per_block + 1, groups_, "upsamplers"));
  }
}

at::Tensor Decoder::forward(const at::Tensor& latent_BCHW) const {
  at::Tensor x = mid_.forward(convolve(conv_in_, latent_BCHW));
  for (const Level& level : levels_) {
    for (const ResnetBlock& resnet : level.resnets) x = resnet.forward(x);
    if (level.resample) x = upsample(*level.resample, x);
  }
  return convolve(conv_out_, normalise_silu(norm_out_, x, groups_));
}

}  // namespace omnigen::model
