// Sinusoidal features of the flow's time, cosines first.
//
// Source: diffusers models/embeddings.py (get_timestep_embedding with flip_sin_to_cos, no shift).
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace omnigen::nn {

// [cos(t·f_k), sin(t·f_k)], f_k = 10000^(-k / (width/2)); t is not scaled.
// Shapes: t [B] -> [B, width], float32. `width` even.
at::Tensor timestep_embedding(const at::Tensor& t_B, int64_t width);

}  // namespace omnigen::nn
