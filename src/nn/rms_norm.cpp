// P tokens, D channels.
#include "nn/rms_norm.h"

#include <torch/csrc/autograd/custom_function.h>

#include <type_traits>

#include "nn/parallel.h"
#include "nn/simd.h"
#include "util/profile.h"

namespace omnigen::nn {
namespace {

using simd::kLanes;
using simd::Lanes;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kRowsPerTask = 16;

template <class T>
struct ForwardRows {
  const T* x;
  const T* delta;  // null: nothing is added
  const T* weight;
  T* sum;  // null: not wanted
  T* normed;
  float* rstd;
  int64_t channels;
  float eps;
};

template <class T>
OMNIGEN_LANES_INLINE void forward_rows(const ForwardRows<T>& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * a.channels;
    Lanes squares{};
    for (int64_t c = 0; c < a.channels; c += kLanes) {
      const int64_t left = a.channels - c;
      Lanes x;
      simd::load_upto(a.x + at + c, left, x);
      if (a.delta != nullptr) {
        Lanes delta;
        simd::load_upto(a.delta + at + c, left, delta);
        x += delta;
        simd::round_as(a.x, x);
        simd::store_upto(a.sum + at + c, left, x);
      }
      squares += x * x;
    }
    const float mean = simd::sum(squares) / static_cast<float>(a.channels);
    const float rstd = 1.0F / __builtin_sqrtf(mean + a.eps);
    a.rstd[row] = rstd;
    const T* source = a.delta != nullptr ? a.sum : a.x;
    for (int64_t c = 0; c < a.channels; c += kLanes) {
      const int64_t left = a.channels - c;
      Lanes x;
      Lanes weight;
      simd::load_upto(source + at + c, left, x);
      simd::load_upto(a.weight + c, left, weight);
      x *= rstd;
      simd::round_as(a.x, x);
      x *= weight;
      simd::store_upto(a.normed + at + c, left, x);
    }
  }
}

template <class T>
struct BackwardRows {
  const T* grad_normed;
  const T* grad_sum;  // null: nothing came back on the residual stream
  const T* x;
  const T* weight;
  const float* rstd;
  T* grad_x;
  int64_t channels;
};

template <class T>
OMNIGEN_LANES_INLINE void backward_rows(const BackwardRows<T>& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * a.channels;
    const float rstd = a.rstd[row];
    Lanes products{};
    for (int64_t c = 0; c < a.channels; c += kLanes) {
      const int64_t left = a.channels - c;
      Lanes grad;
      Lanes weight;
      Lanes x;
      simd::load_upto(a.grad_normed + at + c, left, grad);
      simd::load_upto(a.weight + c, left, weight);
      simd::load_upto(a.x + at + c, left, x);
      products += grad * weight * (x * rstd);
    }
    const float mean = simd::sum(products) / static_cast<float>(a.channels);
    for (int64_t c = 0; c < a.channels; c += kLanes) {
      const int64_t left = a.channels - c;
      Lanes grad;
      Lanes weight;
      Lanes x;
      simd::load_upto(a.grad_normed + at + c, left, grad);
      simd::load_upto(a.weight + c, left, weight);
      simd::load_upto(a.x + at + c, left, x);
      grad = (grad * weight - x * rstd * mean) * rstd;
      if (a.grad_sum != nullptr) {
        Lanes residual;
        simd::load_upto(a.grad_sum + at + c, left, residual);
        grad += residual;
      }
      simd::store_upto(a.grad_x + at + c, left, grad);
    }
  }
}

OMNIGEN_SIMD void forward_float(const ForwardRows<float>& a, int64_t begin, int64_t end) {
  forward_rows(a, begin, end);
}
OMNIGEN_SIMD void forward_bfloat16(const ForwardRows<at::BFloat16>& a, int64_t begin, int64_t end) {
  forward_rows(a, begin, end);
}
OMNIGEN_SIMD void backward_float(const BackwardRows<float>& a, int64_t begin, int64_t end) {
  backward_rows(a, begin, end);
}
OMNIGEN_SIMD void backward_bfloat16(const BackwardRows<at::BFloat16>& a, int64_t begin,
                                    int64_t end) {
  backward_rows(a, begin, end);
}

template <class T>
const T* data_or_null(const at::Tensor& x) {
  return x.defined() ? x.const_data_ptr<T>() : nullptr;
}

template <class T>
void run_forward(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& weight, double eps,
                 const NormedSum& out, const at::Tensor& rstd) {
  const ForwardRows<T> rows{x.const_data_ptr<T>(),
                            data_or_null<T>(delta),
                            weight.const_data_ptr<T>(),
                            delta.defined() ? out.sum.data_ptr<T>() : nullptr,
                            out.normed.data_ptr<T>(),
                            rstd.data_ptr<float>(),
                            x.size(1),
                            static_cast<float>(eps)};
  parallel_for(x.size(0), kRowsPerTask, [&](int64_t begin, int64_t end) {
    if constexpr (std::is_same_v<T, float>) {
      forward_float(rows, begin, end);
    } else {
      forward_bfloat16(rows, begin, end);
    }
  });
}

template <class T>
void run_backward(const at::Tensor& grad_normed, const at::Tensor& grad_sum, const at::Tensor& x,
                  const at::Tensor& weight, const at::Tensor& rstd, const at::Tensor& grad_x) {
  const BackwardRows<T> rows{grad_normed.const_data_ptr<T>(),
                             data_or_null<T>(grad_sum),
                             x.const_data_ptr<T>(),
                             weight.const_data_ptr<T>(),
                             rstd.const_data_ptr<float>(),
                             grad_x.data_ptr<T>(),
                             x.size(1)};
  parallel_for(x.size(0), kRowsPerTask, [&](int64_t begin, int64_t end) {
    if constexpr (std::is_same_v<T, float>) {
      backward_float(rows, begin, end);
    } else {
      backward_bfloat16(rows, begin, end);
    }
  });
}

at::Tensor dense(const at::Tensor& x) {
  return x.defined() ? x.contiguous() : x;
}

// Saves the sum and one float per row.
class AddRmsNorm : public torch::autograd::Function<AddRmsNorm> {
 public:
  static variable_list forward(AutogradContext* ctx, const at::Tensor& x_in,
                               const std::optional<at::Tensor>& delta_in, const at::Tensor& weight,
                               double eps) {
    const at::Tensor delta = delta_in.value_or(at::Tensor());
    const RmsNormPass pass = rms_norm_forward(x_in, delta, weight, eps);
    ctx->set_materialize_grads(false);
    ctx->save_for_backward({pass.sum, weight, pass.rstd});
    if (!delta.defined()) return {pass.normed};
    return {pass.normed, pass.sum};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    require_first_order("rms_norm");
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor& sum = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor& rstd = saved[2];
    const at::Tensor grad_sum = grads.size() > 1 ? dense(grads[1]) : at::Tensor();
    const bool has_delta = grads.size() > 1;
    const bool input_wanted = ctx->needs_input_grad(0) || (has_delta && ctx->needs_input_grad(1));
    variable_list result(4);
    if (!grads[0].defined()) {
      result[0] = grad_sum;
      if (has_delta) result[1] = grad_sum;
      return result;
    }
    const at::Tensor grad_normed = grads[0].contiguous();
    if (input_wanted) {
      result[0] = rms_norm_backward({sum, {}, rstd}, weight, grad_normed, grad_sum);
      if (has_delta) result[1] = result[0];
    }
    if (ctx->needs_input_grad(has_delta ? 2 : 1)) {
      const at::Tensor hat = (sum.to(at::kFloat) * rstd.unsqueeze(1)).to(sum.scalar_type());
      result[2] = (grad_normed.to(at::kFloat) * hat).sum(0).to(weight.scalar_type());
    }
    return result;
  }
};

// The readable form, for every device and dtype.
at::Tensor rms_norm_reference(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor wide = x.to(at::promote_types(x.scalar_type(), at::kFloat));
  const at::Tensor rstd = (wide.square().mean(-1, /*keepdim=*/true) + eps).rsqrt();
  return (wide * rstd).to(x.scalar_type()) * weight;
}

bool has_kernel(const at::Tensor& x, const at::Tensor& weight) {
  return has_row_kernels(x) && weight.scalar_type() == x.scalar_type() && x.dim() == 2;
}

}  // namespace

RmsNormPass rms_norm_forward(const at::Tensor& x_PD, const at::Tensor& delta_PD,
                             const at::Tensor& weight_D, double eps) {
  const util::Span span("norm");
  const at::Tensor x = x_PD.contiguous();
  const at::Tensor delta = dense(delta_PD);
  const at::Tensor rstd = at::empty({x.size(0)}, x.options().dtype(at::kFloat));
  const NormedSum out{delta.defined() ? at::empty_like(x) : x, at::empty_like(x)};
  if (x.scalar_type() == at::kFloat) {
    run_forward<float>(x, delta, weight_D, eps, out, rstd);
  } else {
    run_forward<at::BFloat16>(x, delta, weight_D, eps, out, rstd);
  }
  return {out.sum, out.normed, rstd};
}

at::Tensor rms_norm_backward(const RmsNormPass& pass, const at::Tensor& weight_D,
                             const at::Tensor& grad_normed_PD, const at::Tensor& grad_sum_PD) {
  const util::Span span("norm");
  const at::Tensor grad_normed = grad_normed_PD.contiguous();
  const at::Tensor grad_sum = dense(grad_sum_PD);
  const at::Tensor grad_x = at::empty_like(pass.sum);
  if (pass.sum.scalar_type() == at::kFloat) {
    run_backward<float>(grad_normed, grad_sum, pass.sum, weight_D, pass.rstd, grad_x);
  } else {
    run_backward<at::BFloat16>(grad_normed, grad_sum, pass.sum, weight_D, pass.rstd, grad_x);
  }
  return grad_x;
}

at::Tensor rms_norm(const at::Tensor& x_PD, const at::Tensor& weight_D, double eps) {
  TORCH_CHECK(x_PD.size(-1) == weight_D.size(0), "rms_norm: x has ", x_PD.size(-1),
              " channels, weight has ", weight_D.size(0));
  if (!has_kernel(x_PD, weight_D)) return rms_norm_reference(x_PD, weight_D, eps);
  return AddRmsNorm::apply(x_PD, std::optional<at::Tensor>(), weight_D.contiguous(), eps)[0];
}

NormedSum add_rms_norm(const at::Tensor& x_PD, const at::Tensor& delta_PD,
                       const at::Tensor& weight_D, double eps) {
  if (!delta_PD.defined()) return {x_PD, rms_norm(x_PD, weight_D, eps)};
  TORCH_CHECK(x_PD.sizes() == delta_PD.sizes(), "add_rms_norm: x is ", x_PD.sizes(), ", delta is ",
              delta_PD.sizes());
  if (!has_kernel(x_PD, weight_D) || delta_PD.scalar_type() != x_PD.scalar_type()) {
    const at::Tensor sum = x_PD + delta_PD;
    return {sum, rms_norm(sum, weight_D, eps)};
  }
  const variable_list out =
      AddRmsNorm::apply(x_PD, std::optional<at::Tensor>(delta_PD), weight_D.contiguous(), eps);
  return {out[1], out[0]};
}

}  // namespace omnigen::nn
