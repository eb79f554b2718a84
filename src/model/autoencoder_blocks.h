// The layers of AutoencoderKL: residual blocks, one-head attention, encoder, decoder.
//
// Shapes: images and latents [B, C, H, W], in the weights' dtype. Nothing is recorded for backward.
// Source: diffusers models/autoencoders/vae.py, models/resnet.py, models/unets/unet_2d_blocks.py.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/autoencoder.h"

namespace omnigen::model {

using VaeWeights = std::map<std::string, at::Tensor>;

struct Affine {
  at::Tensor weight;
  at::Tensor bias;
};
Affine affine_at(const VaeWeights& weights, const std::string& name);

// Stride 1, sides kept.
at::Tensor convolve(const Affine& conv, const at::Tensor& x_BCHW);

class ResnetBlock {
 public:
  ResnetBlock(const VaeWeights& weights, const std::string& name, int64_t groups);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x_BCHW) const;

 private:
  Affine norm1_;
  Affine conv1_;
  Affine norm2_;
  Affine conv2_;
  std::optional<Affine> shortcut_;
  int64_t groups_;
};

class SpatialAttention {
 public:
  SpatialAttention(const VaeWeights& weights, const std::string& name, int64_t groups);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x_BCHW) const;

 private:
  Affine norm_;
  Affine to_q_;
  Affine to_k_;
  Affine to_v_;
  Affine to_out_;
  int64_t groups_;
};

class MidBlock {
 public:
  MidBlock(const VaeWeights& weights, const std::string& name, int64_t groups);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x_BCHW) const;

 private:
  ResnetBlock first_;
  SpatialAttention attention_;
  ResnetBlock second_;
};

// Residual blocks and, but for the last level, a resampling convolution.
struct Level {
  std::vector<ResnetBlock> resnets;
  std::optional<Affine> resample;
};

class Encoder {
 public:
  Encoder(const AutoencoderConfig& config, const VaeWeights& weights);
  [[nodiscard]] at::Tensor forward(const at::Tensor& image_BCHW) const;

 private:
  Affine conv_in_;
  std::vector<Level> levels_;
  MidBlock mid_;
  Affine norm_out_;
  Affine conv_out_;
  int64_t groups_;
};

class Decoder {
 public:
  Decoder(const AutoencoderConfig& config, const VaeWeights& weights);
  [[nodiscard]] at::Tensor forward(const at::Tensor& latent_BCHW) const;

 private:
  Affine conv_in_;
  MidBlock mid_;
  std::vector<Level> levels_;
  Affine norm_out_;
  Affine conv_out_;
  int64_t groups_;
};

}  // namespace omnigen::model
