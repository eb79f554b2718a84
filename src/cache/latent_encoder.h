// Prepared images of one size -> scaled latents, by the VAE.
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cache/fail_reason.h"
#include "cache/vae_identity.h"
#include "data/image.h"
#include "model/autoencoder.h"

namespace omnigen::cache {

struct EncodedImage {
  at::Tensor latent_CHW;  // in the cache's type, on the CPU; undefined: failed
  FailReason reason = FailReason::kNone;
};

struct ImageToEncode {
  std::string path;  // keys the posterior sample
  const data::Image* image = nullptr;
};

// The posterior sample of an image is keyed by (seed, "vae", data set, path): it does not depend on
// the batch, the rank or a restart. One image's latent is z = mean + std * noise, or mean, in
// float32, scaled, then rounded to the cache's type.
class LatentEncoder {
 public:
  using LoadVae = std::function<std::unique_ptr<model::Autoencoder>(at::ScalarType dtype)>;

  LatentEncoder(VaeSettings settings, LoadVae load);

  // Images of equal size. Out of memory: the batch is halved, and later ones start at that size. A
  // latent that is not finite is tried once more in float32.
  std::vector<EncodedImage> encode(const std::string& dataset_id,
                                   const std::vector<ImageToEncode>& images);

 private:
  std::vector<EncodedImage> encode_batch(const std::string& dataset_id,
                                         const std::vector<ImageToEncode>& images);
  // Shapes: [B, C, h, w], float32, on the CPU.
  at::Tensor latents(model::Autoencoder& vae, const std::string& dataset_id,
                     const std::vector<ImageToEncode>& images) const;
  at::Tensor retry_in_float32(const std::string& dataset_id, const ImageToEncode& image);
  model::Autoencoder& load(std::unique_ptr<model::Autoencoder>& slot, at::ScalarType dtype);

  VaeSettings settings_;
  LoadVae load_;
  std::unique_ptr<model::Autoencoder> vae_;
  std::unique_ptr<model::Autoencoder> float32_vae_;  // only if it was ever needed
  size_t largest_batch_ = SIZE_MAX;
};

}  // namespace omnigen::cache
