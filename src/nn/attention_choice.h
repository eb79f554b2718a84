// Which of libtorch's kernels of scaled_dot_product_attention is the fastest for the sizes at hand.
#pragma once

#include <torch/types.h>

#include <string>

namespace omnigen::nn {

// scaled_dot_product_attention without a mask. On a GPU by the kernel that was fastest, forward and
// backward, when sizes like these (to the next power of two) were first used: then all are tried.
// Shapes: q [1, H, Q, d], k, v [1, H, K, d].
at::Tensor fastest_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             bool causal);

// "flash", "memory-efficient", "cuDNN" or "math": measured now, whatever the device. What does not
// take these operands is left out; which kernels are allowed stays as it was.
std::string measure_attention_kernels(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                      bool causal);

}  // namespace omnigen::nn
