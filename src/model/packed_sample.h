// What the transformer is given: a list of samples of any sizes. No padding, no mask; a sample's
// result does not depend on its neighbours.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace omnigen::model {

// An input (condition) image: its tokens fill input_ids[start, end). Shapes: latent [C, h, w],
// scaled.
struct InputImage {
  at::Tensor latent_CHW;
  int64_t start = 0;
  int64_t end = 0;
};

struct PackedSample {
  at::Tensor latent_CHW;  // x_t, float32, h and w even
  double timestep = 0.0;  // t in [0, 1]; 0 is noise, 1 is image
  std::vector<int64_t> input_ids;
  std::vector<InputImage> input_images;  // in order of `start`
};

using MicroBatch = std::vector<PackedSample>;

// What a micro-batch brings besides latents, on the transformer's device.
struct BatchFeatures {
  at::Tensor ids;    // of all samples, one behind another, int64
  at::Tensor times;  // sinusoidal features of t, compute dtype. Shapes: [B, time_step_dim]
};

}  // namespace omnigen::model
