// x · (W1 ⊗ W2)ᵀ added to a linear layer's output, factor by factor: the product W1 ⊗ W2 and the
// gradient of a weight of its size are never formed.
//
// With x as X [c, d] and y as Y [a, b] a token: Y += scale · (W1 · (X · beforeᵀ)) · afterᵀ, where
// W2 = after · before. A full W2 stands on the side that costs less, a low-rank one on both.
//
// Source: arXiv:2309.14859; LyCORIS lycoris/functional/lokr.py (kron_bypass).
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace omnigen::adapter {

// Shapes: a, c of W1; b, d of W2; p the width at which W1 mixes.
struct KronFactors {
  at::Tensor w1_AC;
  at::Tensor before_PD;  // undefined: the identity, p = d
  at::Tensor after_BP;   // undefined: the identity, p = b
};

// Whether W1 costs fewer multiply-adds before a full W2 [b, d] than behind it. Equal costs count as
// fewer: then nothing but x is kept for the backward pass.
bool mixes_first(int64_t a, int64_t b, int64_t c, int64_t d);

// Returns base_out with the product added, in place where base_out is neither a leaf that wants a
// gradient nor a view. Computed in x's dtype; the factors and their gradients keep their own.
// Shapes: base_out [..., a·b] of x's dtype, x [..., c·d].
at::Tensor add_kron_linear(const at::Tensor& base_out, const at::Tensor& x,
                           const KronFactors& factors, double scale);

// The two passes without a graph, for code that writes its own backward.
struct KronPass {
  at::Tensor x;
  at::Tensor projected;  // X · beforeᵀ; undefined where `before` is
  KronFactors factors;
  double scale = 1.0;
};
// Adds to the contiguous `out` in place and sets `projected`.
void kron_forward(const at::Tensor& out, KronPass& pass);

struct KronWanted {
  bool w1 = true;
  bool before = true;
  bool after = true;
};
struct KronGradients {
  KronFactors factors;  // undefined where not wanted or absent
  at::Tensor x;         // undefined where it was added to grad_x or not wanted
};
enum class GradX { kUnwanted, kNew, kAdd };
// With kAdd the gradient of x is added to the contiguous `grad_x` in place.
KronGradients kron_backward(const KronPass& pass, const at::Tensor& grad_out,
                            const KronWanted& wanted, GradX mode, const at::Tensor& grad_x);

}  // namespace omnigen::adapter
