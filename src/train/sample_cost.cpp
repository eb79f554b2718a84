#include "train/sample_cost.h"

namespace omnigen::train {
namespace {

constexpr double kAttentionPasses = 3.0;  // two products forward, four backward

}  // namespace

SampleCost::SampleCost(const model::TransformerConfig& config, bool trains_weights)
    : linear_passes_(trains_weights ? 3.0 : 2.0),
      latents_per_token_(config.patch_size * config.patch_size) {
  const auto layers = static_cast<double>(config.num_layers);
  const auto width = static_cast<double>(config.hidden_size);
  const auto mlp = static_cast<double>(config.intermediate_size);
  per_token_ = 2.0 * layers * (4.0 * width * width + 3.0 * width * mlp);
  per_pair_ = 4.0 * layers * width;
}

int64_t SampleCost::tokens(const SampleSize& size) const {
  return size.condition + 1 + size.latents / latents_per_token_;
}

double SampleCost::flop(const SampleSize& size, bool regularisation) const {
  const auto causal = static_cast<double>(size.condition + 1);  // the time token
  const int64_t image_tokens = size.latents / latents_per_token_;
  const auto image = static_cast<double>(image_tokens);
  const double pairs = causal * (causal + 1) / 2 + image * (causal + image);
  const double more = regularisation ? 1.0 : 0.0;
  return (linear_passes_ + more) * per_token_ * (causal + image) +
         (kAttentionPasses + more) * per_pair_ * pairs;
}

}  // namespace omnigen::train
