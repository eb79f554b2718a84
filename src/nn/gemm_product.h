// x · Wᵀ and the gradient of W by nn/gemm.h.
#pragma once

#include <torch/types.h>

namespace omnigen::nn {

// Whether it takes them and is as fast as the library. Beside its speed, it makes nothing that
// depends on the number of rows, where the library makes and keeps a program for each.
bool has_gemm_product(const at::Tensor& x, const at::Tensor& weight);

// Shapes: x [P, in], weight [out, in] with rows or columns that lie side by side; one dtype.
at::Tensor gemm_product(const at::Tensor& x, const at::Tensor& weight);

// Σ over rows, yᵀ · x, of x's dtype, summed in float32: a weight's gradient. Shapes: y [P, out],
// x [P, in] -> [out, in].
bool has_gemm_outer_product(const at::Tensor& y, const at::Tensor& x);
at::Tensor gemm_outer_product(const at::Tensor& y, const at::Tensor& x);

}  // namespace omnigen::nn
