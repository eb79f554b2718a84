// What the loss can be expected to be on given latents: why it "looks high".
//
// For one Gaussian mode of variance λ the smallest possible error at time t is
// e(t, λ) = λ / (t²λ + (1 − t)²); predicting nothing scores 1 + λ at every t. Averaged over the
// training density of t (logit-normal) and over the latents' spectrum this gives two marks for a
// loss curve.
#pragma once

#include <torch/types.h>

#include <vector>

namespace omnigen::train {

struct LossRange {
  double second_moment = 0.0;   // E[x1²] per element
  double zero_predictor = 0.0;  // 1 + E[x1²]: a model that has learnt nothing
  double spectrum_only = 0.0;   // the best predictor that knows only the latents' power spectrum
};

// E over t of e(t, variance), t = sigmoid(N(0, 1)).
double expected_mode_error(double variance);

// Shapes: latents [C, h, w] each, of any sizes; at least one.
LossRange expected_loss(const std::vector<at::Tensor>& latents);

}  // namespace omnigen::train
