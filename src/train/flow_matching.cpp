#include "train/flow_matching.h"

#include <cmath>
#include <span>

namespace omnigen::train {

float draw_timestep(util::SeedStream& stream) {
  return static_cast<float>(1.0 / (1.0 + std::exp(-stream.normal())));
}

at::Tensor draw_noise(util::SeedStream& stream, at::IntArrayRef shape) {
  at::Tensor noise = at::empty(shape, at::kFloat);
  stream.fill_normal({noise.data_ptr<float>(), static_cast<size_t>(noise.numel())});
  return noise;
}

FlowPair interpolate(const at::Tensor& x1, const at::Tensor& x0, float t) {
  return {x1 * t + x0 * (1.0F - t), x1 - x0};
}

at::Tensor sample_loss(const at::Tensor& prediction, const at::Tensor& target,
                       const at::Tensor& weights) {
  TORCH_CHECK(prediction.sizes() == target.sizes(), "sample_loss: prediction ", prediction.sizes(),
              ", target ", target.sizes());
  const at::Tensor squared = (prediction.to(at::kFloat) - target).square();
  if (!weights.defined()) return squared.mean();
  TORCH_CHECK(weights.sizes() == target.sizes().slice(1), "sample_loss: weights ", weights.sizes(),
              ", target ", target.sizes());
  return (squared * weights).mean();
}

}  // namespace omnigen::train
