#include "train/pass_inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nn/upload.h"
#include "train/flow_matching.h"
#include "util/profile.h"

namespace omnigen::train {

model::MicroBatch inputs_of(const TrainMicroBatch& batch, at::Device device) {
  model::MicroBatch inputs;
  inputs.reserve(batch.size());
  for (const TrainSample& sample : batch) {
    inputs.push_back(sample.input);
    inputs.back().latent_CHW = nn::upload(sample.input.latent_CHW, device);
  }
  return inputs;
}

std::string sizes_key(const PassInputs& inputs) {
  std::string key = fmt::format("{}", inputs.global_batch);
  for (size_t i = 0; i < inputs.batch.size(); ++i) {
    const model::PackedSample& sample = inputs.batch[i];
    key += fmt::format("; {} tokens, {}, {}", sample.input_ids.size(),
                       fmt::join(sample.latent_CHW.sizes(), "x"),
                       inputs.weights_HW[i].defined() ? "weighted" : "plain");
    for (const model::InputImage& image : sample.input_images) {
      key += fmt::format(", image {} to {} of {}", image.start, image.end,
                         fmt::join(image.latent_CHW.sizes(), "x"));
    }
  }
  return key;
}

at::Tensor losses_of(const PassInputs& inputs, const std::vector<at::Tensor>& predictions) {
  const util::Span span("loss");
  std::vector<at::Tensor> losses;
  losses.reserve(predictions.size());
  for (size_t i = 0; i < predictions.size(); ++i) {
    losses.push_back(sample_loss(predictions[i], inputs.targets[i], inputs.weights_HW[i]));
  }
  return at::stack(losses);
}

}  // namespace omnigen::train
