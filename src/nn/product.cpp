#include "nn/product.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <optional>
#include <string_view>

#include "nn/gemm_product.h"
#include "nn/parallel.h"
#include "util/profile.h"

namespace omnigen::nn {
namespace {

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

}  // namespace

at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  util::count_flop(2.0 * static_cast<double>(x.numel()) * static_cast<double>(weight.size(0)));
  const std::optional<at::Tensor> maybe_bias =
      bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
  if (!bias.defined() && has_gemm_product(x, weight)) return gemm_product(x, weight);
  const auto& onednn = onednn_linear();
  if (!onednn.has_value() || !has_row_kernels(x) || x.dim() != 2 || x.size(0) < kFewRows) {
    return at::linear(x, weight, maybe_bias);
  }
  return onednn->call(x.contiguous(), weight, maybe_bias, "none",
                      c10::List<std::optional<at::Scalar>>(), "");
}

at::Tensor outer_product_sum(const at::Tensor& y, const at::Tensor& x) {
  util::count_flop(2.0 * static_cast<double>(y.numel()) * static_cast<double>(x.size(1)));
  return has_gemm_outer_product(y, x) ? gemm_outer_product(y, x) : at::mm(y.t(), x);
}

}  // namespace omnigen::nn
