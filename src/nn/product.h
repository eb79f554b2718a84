// x · Wᵀ through the fastest product of this machine.
#pragma once

#include <torch/types.h>

namespace omnigen::nn {

// x · Wᵀ (+ b), nothing recorded. Shapes: x [..., in], weight [out, in] with any strides, bias
// [out] or undefined; one dtype.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace omnigen::nn
