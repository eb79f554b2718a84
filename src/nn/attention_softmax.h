// Softmax over a prefix of every row, and its derivative: the row kernels of attention.cpp.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace omnigen::nn {

// Row r of `scores` [rows, keys] is multiplied by `scale` and normalised over its first limits[r]
// columns; the others become 0. Written to `probabilities`, which may be the scores themselves in
// float32. `log_sum` [rows]: with `known` false it is written, with true it is used instead of
// maximum and sum.
struct SoftmaxRows {
  at::Tensor scores;         // float32, contiguous
  at::Tensor probabilities;  // float32 or bfloat16, contiguous
  const int64_t* limits = nullptr;
  float* log_sum = nullptr;
  float scale = 1.0F;
  bool known = false;
};
void softmax_rows(const SoftmaxRows& rows);

// probabilities · (grad - sum(probabilities · grad)) · scale, row by row, into `grad`. Shapes:
// [rows, keys], one dtype, contiguous.
void softmax_backward_rows(const at::Tensor& probabilities, const at::Tensor& grad, float scale);

}  // namespace omnigen::nn
