#include "validate/image_renderer.h"

#include <fmt/format.h>

#include "adapter/multiplier_scope.h"
#include "data/image_encode.h"
#include "util/log.h"
#include "validate/latent_image.h"

namespace omnigen::validate {

std::string ImageRenderer::render(const RenderItem& item, const Report& report) {
  const adapter::MultiplierScope strength(models_.adapters,
                                          adapter_strength(options_, item, kind_));
  try {
    return render_once(item, report);
  } catch (const c10::OutOfMemoryError&) {
    if (options_.autoencoder.tiling) throw;
    util::log::warn_once(fmt::format(
        "VAE decode of {} did not fit; using tiling (set vae_enable_tiling to avoid the retry)",
        resolution_text(item.resolution)));
  }
  model::AutoencoderOptions tiled = options_.autoencoder;
  tiled.tiling = true;
  models_.autoencoder.set_options(tiled);
  try {
    const std::string png = render_once(item, report);
    models_.autoencoder.set_options(options_.autoencoder);
    return png;
  } catch (...) {
    models_.autoencoder.set_options(options_.autoencoder);
    throw;
  }
}

std::string ImageRenderer::render_once(const RenderItem& item, const Report& report) const {
  const ValidationPrompt& prompt = options_.prompts[item.prompt];
  const int64_t factor = models_.autoencoder.config().spatial_factor();
  const std::vector<int64_t> shape = {models_.transformer.config().in_channels,
                                      item.resolution.height / factor,
                                      item.resolution.width / factor};
  SampleRequest request;
  request.noise_CHW = initial_noise(image_seed(options_, item, step_), item.draw, shape);
  request.cond.input_ids = prompt.input_ids;
  request.uncond.input_ids = options_.negative.input_ids;
  const auto observe = [&](const SamplerStep& step) {
    report(fmt::format("{} {} step {}/{}", prompt.short_name, resolution_text(item.resolution),
                       step.index + 1, options_.sampler.num_steps));
  };
  const at::Tensor latent =
      FlowSampler(models_.transformer, options_.sampler).sample(request, observe);
  return data::encode_png(decode_latent(models_.autoencoder, latent),
                          image_description(options_, item, kind_, step_));
}

}  // namespace omnigen::validate
