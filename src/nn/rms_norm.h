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

// The two passes without a graph, for code that writes its own backward; where has_row_kernels().
struct RmsNormPass {
  at::Tensor sum;
  at::Tensor normed;
  at::Tensor rstd;  // [P], float32
};
RmsNormPass rms_norm_forward(const at::Tensor& x_PD, const at::Tensor& delta_PD,
                             const at::Tensor& weight_D, double eps);
// The gradient of x and of delta. Reads `sum` and `rstd` of the pass; `grad_sum` undefined: none.
at::Tensor rms_norm_backward(const RmsNormPass& pass, const at::Tensor& weight_D,
                             const at::Tensor& grad_normed_PD, const at::Tensor& grad_sum_PD);

}  // namespace omnigen::nn
