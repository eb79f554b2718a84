#include "nn/ada_norm.h"

namespace omnigen::nn {

at::Tensor ada_norm(const at::Tensor& x_ND, const at::Tensor& modulation_2D, double eps) {
  const int64_t channels = x_ND.size(-1);
  TORCH_CHECK(modulation_2D.size(0) == 2 * channels, "ada_norm: x has ", channels,
              " channels, modulation ", modulation_2D.size(0));
  const at::Tensor shift = modulation_2D.narrow(0, 0, channels);
  const at::Tensor scale = modulation_2D.narrow(0, channels, channels);
  return at::layer_norm(x_ND, {channels}, {}, {}, eps) * (1 + scale) + shift;
}

}  // namespace omnigen::nn
