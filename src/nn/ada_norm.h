// Layer normalisation with shift and scale from a condition.
//
// y = LayerNorm(x; no affine) · (1 + scale) + shift.
//
// Shapes: x [N, D], modulation [2D] (shift, then scale), one dtype.
// Source: diffusers models/normalization.py (class AdaLayerNorm, chunk_dim = 1); arXiv:2212.09748.
#pragma once

#include <torch/types.h>

namespace omnigen::nn {

at::Tensor ada_norm(const at::Tensor& x_ND, const at::Tensor& modulation_2D, double eps);

}  // namespace omnigen::nn
