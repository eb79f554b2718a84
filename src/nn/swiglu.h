// The gated activation of the MLP: up · SiLU(gate).
//
// Shapes: gate_up [P, 2F], gate in the first F columns -> [P, F]. Computed in float32, rounded
// once. Source: diffusers models/transformers/transformer_omnigen.py (class OmniGenFeedForward);
// arXiv:2002.05202.
#pragma once

#include <torch/types.h>

namespace omnigen::nn {

at::Tensor swiglu(const at::Tensor& gate_up_PF);

// The two passes without a graph, for code that writes its own backward; where has_row_kernels().
at::Tensor swiglu_forward(const at::Tensor& gate_up_PF);
// Shapes: gate_up [P, 2F], grad [P, F] -> [P, 2F].
at::Tensor swiglu_backward(const at::Tensor& gate_up_PF, const at::Tensor& grad_PF);

}  // namespace omnigen::nn
