// Root-mean-square normalisation, alone and fused with the residual addition before it.
//
// y = cast(x / sqrt(mean(x²) + eps)) · weight, with x and the mean in float32 and the cast to x's
// dtype.
//
// Shapes: x, delta [P, D], weight [D], all of one dtype. P tokens, D channels.
// Source: diffusers models/normalization.py (class RMSNorm); arXiv:1910.07467.
#pragma once

#include <torch/types.h>

namespace omnigen::nn {

at::Tensor rms_norm(const at::Tensor& x_PD, const at::Tensor& weight_D, double eps);

struct NormedSum {
  at::Tensor sum;     // x + delta
  at::Tensor normed;  // rms_norm(x + delta)
};

// One pass forward and one backward over the residual stream. `delta` undefined: sum is x.
NormedSum add_rms_norm(const at::Tensor& x_PD, const at::Tensor& delta_PD,
                       const at::Tensor& weight_D, double eps);

}  // namespace omnigen::nn
