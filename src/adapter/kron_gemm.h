// kron_linear.h's two passes a few tokens at a time through nn/gemm.h, so that nothing between the
// factors leaves the cache.
#pragma once

#include "adapter/kron_linear.h"

namespace omnigen::adapter {

// Of a layer of a·b by c·d features; p as in KronFactors.
struct KronSizes {
  int64_t tokens = 0;
  int64_t a = 0;
  int64_t b = 0;
  int64_t c = 0;
  int64_t d = 0;
  int64_t p = 0;
};

// Whether the functions below take it. Large factors are left to the library, which shares the sums
// of their gradients out over threads.
bool has_kron_gemm(const KronSizes& sizes, const at::Tensor& x);

// As kron_forward() and kron_backward(), with x contiguous; `w1_AC` float32, multiplied by the
// scale.
struct ScaledKron {
  KronSizes sizes;
  at::Tensor w1_AC;
};
void kron_forward_by_gemm(const at::Tensor& out, KronPass& pass, const ScaledKron& scaled);
KronGradients kron_backward_by_gemm(const KronPass& pass, const ScaledKron& scaled,
                                    const at::Tensor& grad_out, const KronWanted& wanted,
                                    GradX mode, const at::Tensor& grad_x);

}  // namespace omnigen::adapter
