// What one forward and backward pass reads, on the device.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "model/packed_sample.h"
#include "train/sample_loader.h"

namespace omnigen::train {

struct PassInputs {
  model::MicroBatch batch;  // latents on the device
  model::BatchFeatures features;
  std::vector<at::Tensor> targets;     // by sample
  std::vector<at::Tensor> weights_HW;  // of the squared error; undefined: all 1
  double global_batch = 1.0;           // by which the sum of losses is divided

  // Everything in it that changes from one micro-batch of the same sizes to the next.
  template <class Visit>
  void each_tensor(const Visit& visit) {
    for (model::PackedSample& sample : batch) {
      visit(sample.latent_CHW);
      for (model::InputImage& image : sample.input_images) visit(image.latent_CHW);
    }
    visit(features.ids);
    visit(features.times);
    for (at::Tensor& target : targets) visit(target);
    for (at::Tensor& weights : weights_HW) {
      if (weights.defined()) visit(weights);
    }
  }
};

// The samples' latents, on the device.
model::MicroBatch inputs_of(const TrainMicroBatch& batch, at::Device device);

// Equal for passes that do the same to tensors of the same sizes.
std::string sizes_key(const PassInputs& inputs);

// One loss a sample. Shapes: predictions as the targets.
at::Tensor losses_of(const PassInputs& inputs, const std::vector<at::Tensor>& predictions);

}  // namespace omnigen::train
