// The objective: rectified flow between noise x0 and image latent x1.
//
//   t = sigmoid(u), u ~ N(0, 1)      x_t = t·x1 + (1 − t)·x0      target = x1 − x0
//   loss of a sample = mean over all elements of w·(target − prediction)², w = 1 without a mask
//
// t = 0 is noise, t = 1 is image. The loss of a batch is the mean over its samples, whatever their
// sizes. All in float32. Source: arXiv:2409.11340; VectorSpaceLab/OmniGen
// OmniGen/train_helper/loss.py.
#pragma once

#include <torch/types.h>

#include "util/seed_stream.h"

namespace omnigen::train {

// Logit-normal(0, 1), rounded to float32 as the model sees it.
float draw_timestep(util::SeedStream& stream);

// Standard normal noise of x1's shape, float32 on the CPU.
at::Tensor draw_noise(util::SeedStream& stream, at::IntArrayRef shape);

struct FlowPair {
  at::Tensor x_t;
  at::Tensor target;
};
FlowPair interpolate(const at::Tensor& x1, const at::Tensor& x0, float t);

// A scalar, differentiable in `prediction`. Shapes: prediction, target [C, h, w]; weights [h, w],
// or undefined where all are 1.
at::Tensor sample_loss(const at::Tensor& prediction, const at::Tensor& target,
                       const at::Tensor& weights = {});

}  // namespace omnigen::train
