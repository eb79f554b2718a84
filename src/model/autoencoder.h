// The SDXL AutoencoderKL: images <-> latents.
//
// Source: diffusers models/autoencoders/autoencoder_kl.py and vae.py.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace omnigen::model {

struct AutoencoderConfig {
  int64_t in_channels = 3;
  int64_t out_channels = 3;
  int64_t latent_channels = 4;
  std::vector<int64_t> block_out_channels = {128, 256, 512, 512};
  int64_t layers_per_block = 2;
  int64_t norm_num_groups = 32;
  int64_t sample_size = 1024;
  double scaling_factor = 0.13025;
  double shift_factor = 0.0;
  bool use_quant_conv = true;
  bool use_post_quant_conv = true;

  // Pixels per latent, 8 for the published model.
  [[nodiscard]] int64_t spatial_factor() const;
  // Errors: DataError naming the key.
  static AutoencoderConfig from_file(const std::filesystem::path& path);
};

struct AutoencoderOptions {
  bool tiling = false;   // tiles above sample_size; overlap and blending as diffusers
  bool slicing = false;  // one image at a time
};

class Autoencoder {
 public:
  // Weights by diffusers name, in compute dtype, on the device (load_autoencoder renames old
  // attention names).
  Autoencoder(const AutoencoderConfig& config, std::map<std::string, at::Tensor> weights);
  ~Autoencoder();
  Autoencoder(const Autoencoder&) = delete;
  Autoencoder& operator=(const Autoencoder&) = delete;

  void set_options(const AutoencoderOptions& options);
  [[nodiscard]] const AutoencoderConfig& config() const;
  [[nodiscard]] at::ScalarType dtype() const;
  [[nodiscard]] at::Device device() const;

  // Shapes: image [B, 3, H, W] in [-1, 1] -> moments [B, 2*C, H/f, W/f] (mean, log variance),
  // float32.
  [[nodiscard]] at::Tensor encode_moments(const at::Tensor& image_BCHW) const;
  // Shapes: latent [B, C, h, w], not scaled -> image [B, 3, h*f, w*f], float32, not clamped.
  [[nodiscard]] at::Tensor decode(const at::Tensor& latent_BCHW) const;

  // latent = (z - shift) * scale and its inverse.
  [[nodiscard]] at::Tensor scale_latent(const at::Tensor& z) const;
  [[nodiscard]] at::Tensor unscale_latent(const at::Tensor& latent) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Diagonal Gaussian of moments. Shapes: [B, C, h, w] each.
struct Posterior {
  at::Tensor mean;
  at::Tensor logvar;  // clamped to [-30, 20]
  at::Tensor std;
};
Posterior posterior(const at::Tensor& moments_BCHW);

std::map<std::string, std::vector<int64_t>> weight_shapes(const AutoencoderConfig& config);

}  // namespace omnigen::model
