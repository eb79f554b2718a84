// A sampled latent as a picture.
#pragma once

#include <torch/types.h>

#include "data/image.h"
#include "model/autoencoder.h"

namespace omnigen::validate {

// Shapes: image [3, H, W] in [-1, 1] -> uint8 [H, W, 3] on the CPU: ×½ + ½, clamped, ×255, rounded
// half to even. Errors: Error if a value is not finite.
at::Tensor to_uint8(const at::Tensor& image_CHW);

// Shapes: scaled latent [C, h, w] -> picture of h·f by w·f pixels. Errors: as above.
data::Image decode_latent(const model::Autoencoder& autoencoder, const at::Tensor& latent_CHW);

}  // namespace omnigen::validate
