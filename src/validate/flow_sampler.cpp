#include "validate/flow_sampler.h"

#include "util/seed_stream.h"

namespace omnigen::validate {
namespace {

model::PackedSample sample_of(const GuidanceBranch& branch, const at::Tensor& latent, float t) {
  return {latent, static_cast<double>(t), branch.input_ids, branch.input_images};
}

// Input images to the model's device once, not at every step.
GuidanceBranch on_device(GuidanceBranch branch, at::Device device) {
  for (model::InputImage& image : branch.input_images) {
    image.latent_CHW = image.latent_CHW.to(device);
  }
  return branch;
}

}  // namespace

std::vector<float> time_grid(int64_t num_steps, double shift) {
  TORCH_CHECK(num_steps >= 1, "time_grid: ", num_steps, " steps");
  TORCH_CHECK(shift > 0, "time_grid: shift ", shift);
  const auto scale = static_cast<float>(shift);
  const auto slope = static_cast<float>(shift - 1.0);
  const double step = -1.0 / static_cast<double>(num_steps);
  std::vector<float> times;
  for (int64_t i = 0; i < num_steps; ++i) {
    // In double until here, then every operation rounds to float32.
    const auto sigma = static_cast<float>(static_cast<double>(i) * step + 1.0);
    const float shifted = scale * sigma / (1.0F + slope * sigma);
    times.push_back(1.0F - shifted);
  }
  times.push_back(1.0F);
  return times;
}

at::Tensor guide(const at::Tensor& cond, const at::Tensor& uncond, const at::Tensor& img_cond,
                 const SamplerOptions& options) {
  const at::Tensor velocity = img_cond.defined()
                                  ? uncond + options.image_guidance * (img_cond - uncond) +
                                        options.guidance * (cond - img_cond)
                                  : uncond + options.guidance * (cond - uncond);
  if (options.guidance_rescale == 0.0) return velocity;
  const at::Tensor rescaled = velocity * (cond.std() / velocity.std());
  return options.guidance_rescale * rescaled + (1.0 - options.guidance_rescale) * velocity;
}

FlowSampler::FlowSampler(const model::OmniGenTransformer& transformer,
                         const SamplerOptions& options)
    : transformer_(transformer), options_(options) {}

at::Tensor FlowSampler::sample(const SampleRequest& request,
                               const SamplerObserver& observer) const {
  const at::NoGradGuard no_grad;
  const at::Device device = transformer_.device();
  std::vector<GuidanceBranch> branches = {on_device(request.cond, device),
                                          on_device(request.uncond, device)};
  if (request.img_cond) branches.push_back(on_device(*request.img_cond, device));
  const std::vector<float> times = time_grid(options_.num_steps, options_.shift);
  at::Tensor latent = request.noise_CHW.to(device, at::kFloat);
  for (int64_t i = 0; i < options_.num_steps; ++i) {
    const float t = times[static_cast<size_t>(i)];
    model::MicroBatch batch;
    for (const GuidanceBranch& branch : branches) batch.push_back(sample_of(branch, latent, t));
    const std::vector<at::Tensor> velocities = transformer_.forward(batch);
    const at::Tensor velocity =
        guide(velocities[0], velocities[1], velocities.size() > 2 ? velocities[2] : at::Tensor(),
              options_);
    latent = latent + (times[static_cast<size_t>(i + 1)] - t) * velocity;
    if (observer) observer({i, velocities[0], velocity, latent});
  }
  return latent;
}

at::Tensor initial_noise(uint64_t seed, uint64_t draw, at::IntArrayRef shape_CHW) {
  at::Tensor noise = at::empty(shape_CHW, at::kFloat);
  util::SeedStream(seed, "validation", {}, draw)
      .fill_normal({noise.data_ptr<float>(), static_cast<size_t>(noise.numel())});
  return noise;
}

}  // namespace omnigen::validate
