// One small matrix times every token's rows, and its gradient: as batched products these cost more
// in calls and copies than in arithmetic.
//
// Sums are in float32, in one order whatever the number of threads.
#pragma once

#include <torch/types.h>

namespace omnigen::nn {

// Whether the kernels are faster than at::bmm: `small` of few elements, x with row kernels.
bool has_token_mix(const at::Tensor& small_MN, const at::Tensor& x_TNP);

enum class MixInto { kReplace, kAdd };
// out[t] = small · x[t], or out[t] += that. Shapes: [M, N] float32, [T, N, P], [T, M, P] of one
// dtype, all contiguous; out must not overlap x.
void token_mix(const at::Tensor& small_MN, const at::Tensor& x_TNP, const at::Tensor& out_TMP,
               MixInto into);

// Σ_t y[t] · x[t]ᵀ. Shapes: [T, M, P], [T, N, P] of one dtype, contiguous -> [M, N] float32.
at::Tensor token_mix_gradient(const at::Tensor& y_TMP, const at::Tensor& x_TNP);

}  // namespace omnigen::nn
