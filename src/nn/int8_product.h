// Products with a weight of int8 codes and a scale per output row, as integers: rows of the other
// operand are rounded to int8 as they come (dynamic quantization, "W8A8").
#pragma once

#include <torch/types.h>

namespace omnigen::nn {

// False where the device's integer product does not take these sizes. Shapes: rows [P, ...], codes
// [out, in], int8.
bool has_int8_product(const at::Tensor& rows, const at::Tensor& codes);

// x · (scale · codes)ᵀ (+ b). Shapes: x [P, in], scale [out], float32, bias [out] or undefined ->
// [P, out] in x's dtype.
at::Tensor int8_product(const at::Tensor& x, const at::Tensor& codes, const at::Tensor& scale,
                        const at::Tensor& bias);

// g · (scale · codes). The scales lie on the axis that is summed over: they go into the gradient
// before it is rounded. Shapes: g [P, out] -> [P, in].
at::Tensor int8_product_transposed(const at::Tensor& grad, const at::Tensor& codes,
                                   const at::Tensor& scale);

}  // namespace omnigen::nn
