#include "optim/flat_gradients.h"

namespace omnigen::optim {

FlatGradients::FlatGradients(const std::vector<Parameter>& parameters) : parameters_(parameters) {
  int64_t total = 0;
  for (const Parameter& parameter : parameters_) total += parameter.value.numel();
  const at::Device device = parameters_.empty() ? at::kCPU : parameters_.front().value.device();
  buffer_ = at::zeros({total}, at::TensorOptions().dtype(at::kFloat).device(device));
  int64_t offset = 0;
  for (Parameter& parameter : parameters_) {
    TORCH_CHECK(parameter.value.scalar_type() == at::kFloat && parameter.value.is_leaf(),
                "FlatGradients: ", parameter.name, " is not a float32 leaf");
    const int64_t count = parameter.value.numel();
    parameter.value.mutable_grad() = buffer_.narrow(0, offset, count).view(parameter.value.sizes());
    offset += count;
  }
}

bool FlatGradients::attached() const {
  const auto* next = buffer_.const_data_ptr<float>();
  for (const Parameter& parameter : parameters_) {
    const at::Tensor& grad = parameter.value.grad();
    if (!grad.defined() || grad.const_data_ptr<float>() != next) return false;
    next += parameter.value.numel();
  }
  return true;
}

}  // namespace omnigen::optim
