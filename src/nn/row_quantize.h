// Rows as int8 codes with a scale each, and what an integer product of such rows stands for.
//
// Source: torchao prototype/quantized_training/int8_mixed_precision.py, quantize_int8_rowwise and
// scaled_int8_mm.
#pragma once

#include <torch/types.h>

namespace omnigen::nn {

struct QuantizedRows {
  at::Tensor codes_PC;  // int8, -127 to 127
  at::Tensor scale_P;   // float32: the largest magnitude of the row / 127
};

// x[i, j] · column_scale[j] ≈ codes[i, j] · scale[i]; a row of zeros has scale 0. Shapes: x [P, C],
// float32 or bfloat16; column_scale [C], float32, or undefined.
QuantizedRows quantize_rows(const at::Tensor& x_PC, const at::Tensor& column_scale_C);

// products[i, j] · row_scale[i] · column_scale[j] + bias[j], computed in float32. Shapes: products
// [P, N], int32; column_scale and bias [N] or undefined.
at::Tensor scale_products(const at::Tensor& products_PN, const at::Tensor& row_scale_P,
                          const at::Tensor& column_scale_N, const at::Tensor& bias_N,
                          at::ScalarType dtype);

}  // namespace omnigen::nn
