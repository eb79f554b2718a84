#include "nn/explicit_linear.h"

#include "nn/parallel.h"
#include "nn/product.h"

namespace omnigen::nn {
namespace {

const ExplicitAdapter* adapter_of(const Linear& linear) {
  return dynamic_cast<const ExplicitAdapter*>(linear.adapter.get());
}

bool is_frozen(const at::Tensor& parameter) {
  return !parameter.defined() || !parameter.requires_grad();
}

// The gradient of x through the frozen weight alone.
at::Tensor base_backward(const Linear& linear, const at::Tensor& grad_out) {
  return linear.frozen ? linear.frozen->multiply_transposed(grad_out)
                       : product(grad_out, linear.weight.t(), {});
}

}  // namespace

bool is_explicit(const Linear& linear, const at::Tensor& x) {
  if (!has_row_kernels(x) || x.dim() != 2) return false;
  if (!is_frozen(linear.weight) || !is_frozen(linear.bias)) return false;
  if (linear.weight.defined() && linear.weight.scalar_type() != x.scalar_type()) return false;
  return has_fixed_adapter(linear);
}

bool has_fixed_adapter(const Linear& linear) {
  const ExplicitAdapter* adapter = adapter_of(linear);
  return linear.adapter == nullptr || (adapter != nullptr && adapter->is_explicit());
}

bool has_adapter(const Linear& linear) {
  return linear.adapter != nullptr;
}

std::vector<at::Tensor> explicit_leaves(const Linear& linear) {
  return has_adapter(linear) ? adapter_of(linear)->leaves() : std::vector<at::Tensor>();
}

LinearPass explicit_forward(const Linear& linear, const at::Tensor& x) {
  LinearPass pass;
  pass.out = linear.frozen ? linear.frozen->multiply(x, linear.bias)
                           : product(x, linear.weight, linear.bias);
  if (has_adapter(linear)) pass.kept = adapter_of(linear)->add_into(pass.out, x);
  return pass;
}

std::vector<at::Tensor> explicit_backward(const Linear& linear, const LinearInput& input,
                                          const at::Tensor& grad_out, at::Tensor* grad_x) {
  if (grad_x != nullptr) {
    const at::Tensor through_weight = base_backward(linear, grad_out);
    if (grad_x->defined()) {
      grad_x->add_(through_weight);
    } else {
      *grad_x = through_weight;
    }
  }
  if (!has_adapter(linear)) return {};
  return adapter_of(linear)->backward(grad_out, input.x, input.kept,
                                      grad_x != nullptr ? *grad_x : at::Tensor());
}

}  // namespace omnigen::nn
