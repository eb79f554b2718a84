#include "validate/latent_image.h"

#include "util/error.h"

namespace omnigen::validate {

at::Tensor to_uint8(const at::Tensor& image_CHW) {
  if (!at::isfinite(image_CHW).all().item<bool>()) {
    throw util::Error(
        "the decoded image holds values that are not finite; set vae_dtype to fp32 or bf16, and "
        "look at the training loss");
  }
  return (image_CHW.to(at::kFloat) * 0.5 + 0.5)
      .clamp(0.0, 1.0)
      .mul(255.0)
      .round()
      .to(at::kByte)
      .permute({1, 2, 0})
      .contiguous()
      .to(at::kCPU);
}

data::Image decode_latent(const model::Autoencoder& autoencoder, const at::Tensor& latent_CHW) {
  const at::NoGradGuard no_grad;
  const at::Tensor z = autoencoder.unscale_latent(latent_CHW.to(autoencoder.device()).unsqueeze(0));
  const at::Tensor pixels_HWC = to_uint8(autoencoder.decode(z).squeeze(0));
  const auto* first = pixels_HWC.data_ptr<uint8_t>();
  return {pixels_HWC.size(1), pixels_HWC.size(0), {first, first + pixels_HWC.numel()}};
}

}  // namespace omnigen::validate
