// x · Wᵀ and the gradient of W through the fastest product of this machine.
#pragma once

#include <torch/types.h>

namespace omnigen::nn {

// x · Wᵀ (+ b), nothing recorded. Shapes: x [..., in], weight [out, in] with any strides, bias
// [out] or undefined; one dtype.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// Σ over rows, yᵀ · x: a weight's gradient. Shapes: y [P, out], x [P, in] -> [out, in]; one dtype.
at::Tensor outer_product_sum(const at::Tensor& y, const at::Tensor& x);

}  // namespace omnigen::nn
