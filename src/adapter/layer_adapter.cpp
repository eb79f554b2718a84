#include "adapter/layer_adapter.h"

#include <cmath>

namespace omnigen::adapter {

int64_t LayerAdapter::num_parameters() const {
  int64_t total = 0;
  for (const auto& [name, value] : factors_) total += value.numel();
  return total;
}

void LayerAdapter::add_factor(const std::string& name, const at::Tensor& value, at::Device device) {
  factors_.emplace_back(name, value.to(device).set_requires_grad(true));
}

const at::Tensor& LayerAdapter::factor(const std::string& name) const {
  for (const auto& [factor_name, value] : factors_) {
    if (factor_name == name) return value;
  }
  TORCH_CHECK(false, "adapter: no factor ", name);
}

at::Tensor uniform_factor(const std::vector<int64_t>& shape, util::SeedStream& stream) {
  at::Tensor factor = at::empty(shape, at::kFloat);
  const double bound = 1.0 / std::sqrt(static_cast<double>(shape[1]));
  auto* values = factor.data_ptr<float>();
  for (int64_t i = 0; i < factor.numel(); ++i) {
    values[i] = static_cast<float>((2.0 * stream.uniform() - 1.0) * bound);
  }
  return factor;
}

}  // namespace omnigen::adapter
