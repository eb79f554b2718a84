#include "nn/linear.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <string_view>

#include "nn/parallel.h"

namespace omnigen::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// oneDNN's product, reached through the dispatcher: on CPUs where MKL is slow it is up to 1.15
// times faster in float32, and it takes a transposed weight as it stands. Below kFewRows at::linear
// wins.
constexpr int64_t kFewRows = 8;

using LinearPointwise = at::Tensor(const at::Tensor&, const at::Tensor&,
                                   const std::optional<at::Tensor>&, std::string_view,
                                   c10::List<std::optional<at::Scalar>>,
                                   std::optional<std::string_view>);

const std::optional<c10::TypedOperatorHandle<LinearPointwise>>& onednn_linear() {
  static const auto op = []() -> std::optional<c10::TypedOperatorHandle<LinearPointwise>> {
    const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (!found.has_value() || !found->hasKernelForDispatchKey(c10::DispatchKey::CPU)) return {};
    return found->typed<LinearPointwise>();
  }();
  return op;
}

// x · Wᵀ (+ b), nothing recorded. Shapes: x [P, in], weight [out, in] with any strides.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight,
                   const std::optional<at::Tensor>& bias) {
  const auto& onednn = onednn_linear();
  if (!onednn.has_value() || x.size(0) < kFewRows) return at::linear(x, weight, bias);
  return onednn->call(x, weight, bias, "none", c10::List<std::optional<at::Scalar>>(), "");
}

// A linear layer whose weight is frozen: neither the weight's gradient nor x is kept.
class FrozenLinear : public torch::autograd::Function<FrozenLinear> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    ctx->save_for_backward({weight});
    return product(x.contiguous(), weight, bias);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    require_first_order("linear");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const at::Tensor weight = ctx->get_saved_variables()[0];
    return {product(grads[0].contiguous(), weight.t(), std::nullopt), at::Tensor(), at::Tensor()};
  }
};

bool is_trained(const at::Tensor& parameter) {
  return parameter.defined() && parameter.requires_grad() && at::GradMode::is_enabled();
}

}  // namespace

at::Tensor Linear::forward(const at::Tensor& x) const {
  TORCH_CHECK(x.size(-1) == in_features(), "linear: x has ", x.size(-1), " channels, weight has ",
              in_features());
  const std::optional<at::Tensor> maybe_bias =
      bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
  at::Tensor out;
  if (is_trained(weight) || is_trained(bias) || !has_row_kernels(x) || x.dim() != 2 ||
      x.scalar_type() != weight.scalar_type()) {
    out = at::linear(x, weight, maybe_bias);
  } else {
    out = FrozenLinear::apply(x, weight, maybe_bias);
  }
  return adapter ? adapter->add_to(out, x) : out;
}

}  // namespace omnigen::nn
