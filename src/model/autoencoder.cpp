// B images, C channels, f pixels per latent.
#include "model/autoencoder.h"

#include <functional>

#include "model/autoencoder_blocks.h"
#include "model/tiling.h"

namespace omnigen::model {
namespace {

constexpr double kTileOverlap = 0.25;
constexpr double kMinLogvar = -30.0;
constexpr double kMaxLogvar = 20.0;

using Compute = std::function<at::Tensor(const at::Tensor&)>;

// Share of a tile's side, truncated.
int64_t share(int64_t side, double part) {
  return static_cast<int64_t>(static_cast<double>(side) * part);
}

std::optional<Affine> optional_affine(const VaeWeights& weights, const std::string& name,
                                      bool used) {
  return used ? std::optional<Affine>(affine_at(weights, name)) : std::nullopt;
}

}  // namespace

struct Autoencoder::Impl {
  Impl(const AutoencoderConfig& model_config, const VaeWeights& weights)
      : config(model_config),
        encoder(config, weights),
        decoder(config, weights),
        quant_conv(optional_affine(weights, "quant_conv", config.use_quant_conv)),
        post_quant_conv(optional_affine(weights, "post_quant_conv", config.use_post_quant_conv)),
        placement(weights.at("encoder.conv_in.weight").options()) {
    const int64_t latent_tile = config.sample_size / config.spatial_factor();
    const int64_t latent_blend = share(latent_tile, kTileOverlap);
    const int64_t pixel_blend = share(config.sample_size, kTileOverlap);
    encode_tiles = {config.sample_size, share(config.sample_size, 1 - kTileOverlap), latent_blend,
                    latent_tile - latent_blend};
    decode_tiles = {latent_tile, share(latent_tile, 1 - kTileOverlap), pixel_blend,
                    config.sample_size - pixel_blend};
  }

  [[nodiscard]] at::Tensor encode(const at::Tensor& image) const {
    const at::Tensor moments = encoder.forward(image);
    return quant_conv ? convolve(*quant_conv, moments) : moments;
  }
  [[nodiscard]] at::Tensor decode(const at::Tensor& latent) const {
    return decoder.forward(post_quant_conv ? convolve(*post_quant_conv, latent) : latent);
  }

  // Slices and tiles as the options say; float32 result.
  [[nodiscard]] at::Tensor run(const at::Tensor& x, const Tiling& tiles,
                               const Compute& compute) const {
    const at::NoGradGuard no_grad;
    if (options.slicing && x.size(0) > 1) {
      std::vector<at::Tensor> slices;
      for (const at::Tensor& slice : x.split(1)) slices.push_back(run(slice, tiles, compute));
      return at::cat(slices, 0);
    }
    const at::Tensor input = x.to(placement.device(), placement.dtype().toScalarType());
    const bool split = options.tiling && (input.size(2) > tiles.tile || input.size(3) > tiles.tile);
    TORCH_CHECK(!split || tiles.stride > 0, "autoencoder: sample_size ", config.sample_size,
                " is too small for tiles");
    return (split ? tiled(input, tiles, compute) : compute(input)).to(at::kFloat);
  }

  AutoencoderConfig config;
  AutoencoderOptions options;
  Encoder encoder;
  Decoder decoder;
  std::optional<Affine> quant_conv;
  std::optional<Affine> post_quant_conv;
  at::TensorOptions placement;
  Tiling encode_tiles;
  Tiling decode_tiles;
};

Autoencoder::Autoencoder(const AutoencoderConfig& config, std::map<std::string, at::Tensor> weights)
    : impl_(std::make_unique<Impl>(config, weights)) {}
Autoencoder::~Autoencoder() = default;

void Autoencoder::set_options(const AutoencoderOptions& options) {
  impl_->options = options;
}
const AutoencoderConfig& Autoencoder::config() const {
  return impl_->config;
}
at::ScalarType Autoencoder::dtype() const {
  return impl_->placement.dtype().toScalarType();
}
at::Device Autoencoder::device() const {
  return impl_->placement.device();
}

at::Tensor Autoencoder::encode_moments(const at::Tensor& image_BCHW) const {
  const int64_t factor = impl_->config.spatial_factor();
  TORCH_CHECK(image_BCHW.dim() == 4 && image_BCHW.size(1) == impl_->config.in_channels &&
                  image_BCHW.size(2) % factor == 0 && image_BCHW.size(3) % factor == 0,
              "autoencoder: image ", image_BCHW.sizes(), ", expected [B, ",
              impl_->config.in_channels, ", H, W] with sides divisible by ", factor);
  return impl_->run(image_BCHW, impl_->encode_tiles,
                    [this](const at::Tensor& tile) { return impl_->encode(tile); });
}

at::Tensor Autoencoder::decode(const at::Tensor& latent_BCHW) const {
  TORCH_CHECK(latent_BCHW.dim() == 4 && latent_BCHW.size(1) == impl_->config.latent_channels,
              "autoencoder: latent ", latent_BCHW.sizes(), ", expected [B, ",
              impl_->config.latent_channels, ", h, w]");
  return impl_->run(latent_BCHW, impl_->decode_tiles,
                    [this](const at::Tensor& tile) { return impl_->decode(tile); });
}

at::Tensor Autoencoder::scale_latent(const at::Tensor& z) const {
  return (z - impl_->config.shift_factor) * impl_->config.scaling_factor;
}
at::Tensor Autoencoder::unscale_latent(const at::Tensor& latent) const {
  return latent / impl_->config.scaling_factor + impl_->config.shift_factor;
}

Posterior posterior(const at::Tensor& moments_BCHW) {
  const auto halves = moments_BCHW.chunk(2, 1);
  const at::Tensor logvar = halves[1].clamp(kMinLogvar, kMaxLogvar);
  return {halves[0], logvar, (logvar * 0.5).exp()};
}

}  // namespace omnigen::model
