// Overlapping tiles of an image, each computed by itself, blended into one result.
//
// Source: diffusers models/autoencoders/autoencoder_kl.py (_tiled_encode, tiled_decode, blend_v,
// blend_h).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>

namespace omnigen::model {

struct Tiling {
  int64_t tile = 0;    // side of an input tile
  int64_t stride = 0;  // between input tiles
  int64_t blend = 0;   // overlap of the results
  int64_t kept = 0;    // side that a result tile contributes
};

// Shapes: x [B, C, H, W]; `compute` maps a tile to its result of another scale.
at::Tensor tiled(const at::Tensor& x_BCHW, const Tiling& tiling,
                 const std::function<at::Tensor(const at::Tensor&)>& compute);

}  // namespace omnigen::model
