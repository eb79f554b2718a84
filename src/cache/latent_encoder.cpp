#include "cache/latent_encoder.h"

#include <fmt/format.h>

#include "data/cache_index.h"
#include "data/resample.h"
#include "util/log.h"
#include "util/seed_stream.h"

namespace omnigen::cache {
namespace {

using Images = std::vector<ImageToEncode>;

at::Tensor posterior_noise(uint64_t seed, const std::string& dataset_id, const std::string& path,
                           at::IntArrayRef shape) {
  at::Tensor noise = at::empty(shape, at::kFloat);
  util::SeedStream(seed, "vae", {dataset_id, path})
      .fill_normal({noise.data_ptr<float>(), static_cast<size_t>(noise.numel())});
  return noise;
}

}  // namespace

LatentEncoder::LatentEncoder(VaeSettings settings, LoadVae load)
    : settings_(std::move(settings)), load_(std::move(load)) {}

model::Autoencoder& LatentEncoder::load(std::unique_ptr<model::Autoencoder>& slot,
                                        at::ScalarType dtype) {
  if (!slot) {
    slot = load_(dtype);
    slot->set_options({.tiling = settings_.tiling, .slicing = false});
  }
  return *slot;
}

std::vector<EncodedImage> LatentEncoder::encode(const std::string& dataset_id,
                                                const Images& images) {
  std::vector<EncodedImage> results;
  size_t first = 0;
  while (first < images.size()) {
    const size_t count = std::min(largest_batch_, images.size() - first);
    const Images batch(images.begin() + static_cast<int64_t>(first),
                       images.begin() + static_cast<int64_t>(first + count));
    try {
      for (EncodedImage& result : encode_batch(dataset_id, batch)) {
        results.push_back(std::move(result));
      }
      first += count;
    } catch (const c10::OutOfMemoryError&) {
      if (count > 1) {
        largest_batch_ = (count + 1) / 2;
        util::log::warn(
            fmt::format("the VAE ran out of memory with {} images at a time; going on "
                        "with {}",
                        count, largest_batch_));
      } else {
        results.push_back({{}, FailReason::kOutOfMemory});
        ++first;
      }
    }
  }
  return results;
}

std::vector<EncodedImage> LatentEncoder::encode_batch(const std::string& dataset_id,
                                                      const Images& images) {
  const c10::InferenceMode guard;
  const at::Tensor latents_BCHW = latents(load(vae_, settings_.dtype), dataset_id, images);
  std::vector<EncodedImage> results;
  for (size_t i = 0; i < images.size(); ++i) {
    at::Tensor latent = latents_BCHW[static_cast<int64_t>(i)];
    if (!latent.isfinite().all().item<bool>()) latent = retry_in_float32(dataset_id, images[i]);
    if (latent.defined()) {
      results.push_back({latent.to(settings_.dtype).contiguous(), FailReason::kNone});
    } else {
      results.push_back({{}, FailReason::kNotFinite});
    }
  }
  return results;
}

at::Tensor LatentEncoder::latents(model::Autoencoder& vae, const std::string& dataset_id,
                                  const Images& images) const {
  std::vector<at::Tensor> pixels;
  for (const ImageToEncode& image : images) pixels.push_back(data::normalise(*image.image));
  const at::Tensor pixels_BCHW = at::stack(pixels).to(vae.device(), vae.dtype());
  const model::Posterior z = model::posterior(vae.encode_moments(pixels_BCHW).cpu());
  if (!settings_.sample_posterior) return vae.scale_latent(z.mean);
  std::vector<at::Tensor> noise;
  for (const ImageToEncode& image : images) {
    noise.push_back(
        posterior_noise(settings_.seed, dataset_id, image.path, z.mean.sizes().slice(1)));
  }
  return vae.scale_latent(z.mean + z.std * at::stack(noise));
}

at::Tensor LatentEncoder::retry_in_float32(const std::string& dataset_id,
                                           const ImageToEncode& image) {
  if (settings_.dtype == at::kFloat) return {};
  util::log::warn(fmt::format("{}: the latent is not finite; trying again in float32",
                              data::printable_path(image.path)));
  const at::Tensor latent = latents(load(float32_vae_, at::kFloat), dataset_id, {image})[0];
  return latent.isfinite().all().item<bool>() ? latent : at::Tensor();
}

}  // namespace omnigen::cache
