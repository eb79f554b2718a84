#include "nn/linear.h"

#include <torch/csrc/autograd/custom_function.h>

#include "nn/parallel.h"
#include "nn/product.h"
#include "util/profile.h"

namespace omnigen::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A linear layer whose weight is frozen: neither the weight's gradient nor x is kept.
class FrozenLinear : public torch::autograd::Function<FrozenLinear> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    ctx->save_for_backward({weight});
    return product(x, weight, bias.value_or(at::Tensor()));
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    require_first_order("linear");
    const util::Span span("linear");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const at::Tensor weight = ctx->get_saved_variables()[0];
    return {product(grads[0].contiguous(), weight.t(), {}), at::Tensor(), at::Tensor()};
  }
};

// A linear layer whose weight is trained.
class TrainedLinear : public torch::autograd::Function<TrainedLinear> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    ctx->save_for_backward({x, weight});
    ctx->saved_data["has_bias"] = bias.has_value();
    return product(x, weight, bias.value_or(at::Tensor()));
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    require_first_order("linear");
    const util::Span span("linear");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor grad = grads[0].contiguous();
    variable_list result(3);
    if (ctx->needs_input_grad(0)) result[0] = product(grad, saved[1].t(), {});
    if (ctx->needs_input_grad(1)) result[1] = outer_product_sum(grad, saved[0]);
    const bool has_bias = ctx->saved_data["has_bias"].toBool();  // an absent one has no edge
    if (has_bias && ctx->needs_input_grad(2)) result[2] = grad.sum(0);
    return result;
  }
};

// A frozen weight in a compact format, which is all that is kept.
class CompactLinear : public torch::autograd::Function<CompactLinear> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const std::optional<at::Tensor>& bias, const FrozenWeightPtr& weight) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    ctx->saved_data["weight"] = c10::IValue::make_capsule(weight);
    return weight->multiply(x, bias.value_or(at::Tensor()));
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    require_first_order("linear");
    const util::Span span("linear");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto weight =
        c10::static_intrusive_pointer_cast<FrozenWeight>(ctx->saved_data["weight"].toCapsule());
    return {weight->multiply_transposed(grads[0].contiguous()), at::Tensor(), at::Tensor()};
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
  if (frozen) {
    out = CompactLinear::apply(x, maybe_bias, frozen);
  } else if (!has_row_kernels(x) || x.dim() != 2 || x.scalar_type() != weight.scalar_type()) {
    util::count_flop(2.0 * static_cast<double>(x.numel() * out_features()));
    out = at::linear(x, weight, maybe_bias);
  } else if (is_trained(weight) || is_trained(bias)) {
    out = TrainedLinear::apply(x, weight, maybe_bias);
  } else {
    out = FrozenLinear::apply(x, weight, maybe_bias);
  }
  return adapter ? adapter->add_to(out, x) : out;
}

}  // namespace omnigen::nn
