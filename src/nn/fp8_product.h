// Products of float8 codes (e4m3) as the device multiplies them.
#pragma once

#include <torch/types.h>

namespace omnigen::nn {

// Whether the device of `codes` multiplies float8 and gains by it: GPUs of compute capability 8.9
// and up. Tried once.
bool has_fp8_product(const at::Tensor& codes);

// x · wᵀ of the codes as they stand, rounded once. Shapes: x [P, in], w [out, in], float8 e4m3,
// both sizes multiples of 16 -> [P, out].
at::Tensor fp8_product(const at::Tensor& x, const at::Tensor& w, at::ScalarType dtype);

}  // namespace omnigen::nn
