// The fixed 2-D sine-cosine position table of the image tokens, computed crop by crop.
//
// Source: diffusers models/embeddings.py (get_2d_sincos_pos_embed).
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace omnigen::nn {

struct GridCrop {
  int64_t top = 0;
  int64_t left = 0;
  int64_t height = 0;
  int64_t width = 0;
};

// The central height x width cells of a side x side table. Needs height, width <= side.
GridCrop central_crop(int64_t side, int64_t height, int64_t width);

// Rows of the table in raster order; the first half of the channels encodes the column. Positions
// are i · 64 / side; angles in float64. Shapes: [height · width, channels], float32. `channels`
// divisible by 4.
at::Tensor position_table(int64_t side, int64_t channels, const GridCrop& crop);

// All of it, as model files hold it. Shapes: [1, side · side, channels].
at::Tensor whole_position_table(int64_t side, int64_t channels, at::ScalarType dtype);

}  // namespace omnigen::nn
