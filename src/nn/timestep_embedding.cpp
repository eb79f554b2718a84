#include "nn/timestep_embedding.h"

#include <cmath>

namespace omnigen::nn {

at::Tensor timestep_embedding(const at::Tensor& t_B, int64_t width) {
  TORCH_CHECK(width % 2 == 0, "timestep_embedding: width ", width, " is odd");
  const int64_t half = width / 2;
  const auto options = t_B.options().dtype(at::kFloat);
  const at::Tensor frequency =
      (-std::log(10000.0) * at::arange(half, options) / static_cast<double>(half)).exp();
  const at::Tensor angle = t_B.to(at::kFloat).unsqueeze(1) * frequency.unsqueeze(0);
  return at::cat({angle.cos(), angle.sin()}, 1);
}

}  // namespace omnigen::nn
