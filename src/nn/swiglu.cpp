// P tokens, F width of the MLP.
#include "nn/swiglu.h"

#include <torch/csrc/autograd/custom_function.h>

#include "nn/parallel.h"
#include "nn/simd_math.h"
#include "util/profile.h"

namespace omnigen::nn {
namespace {

using simd::kLanes;
using simd::Lanes;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kRowsPerTask = 8;

template <class T>
struct SwigluRows {
  const T* gate_up;
  const T* grad;  // backward only
  T* out;         // [P, F] forward, [P, 2F] backward
  int64_t width;
};

template <class T>
OMNIGEN_LANES_INLINE void forward_rows(const SwigluRows<T>& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* gate_row = a.gate_up + row * 2 * a.width;
    for (int64_t c = 0; c < a.width; c += kLanes) {
      const int64_t left = a.width - c;
      Lanes gate;
      Lanes up;
      Lanes opened;
      simd::load_upto(gate_row + c, left, gate);
      simd::load_upto(gate_row + a.width + c, left, up);
      simd::sigmoid(gate, opened);
      simd::store_upto(a.out + row * a.width + c, left, up * (gate * opened));
    }
  }
}

template <class T>
OMNIGEN_LANES_INLINE void backward_rows(const SwigluRows<T>& a, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * 2 * a.width;
    for (int64_t c = 0; c < a.width; c += kLanes) {
      const int64_t left = a.width - c;
      Lanes gate;
      Lanes up;
      Lanes grad;
      Lanes opened;
      simd::load_upto(a.gate_up + at + c, left, gate);
      simd::load_upto(a.gate_up + at + a.width + c, left, up);
      simd::load_upto(a.grad + row * a.width + c, left, grad);
      simd::sigmoid(gate, opened);
      const Lanes slope = opened * (1.0F + gate * (1.0F - opened));
      simd::store_upto(a.out + at + c, left, grad * up * slope);
      simd::store_upto(a.out + at + a.width + c, left, grad * (gate * opened));
    }
  }
}

OMNIGEN_SIMD void forward_float(const SwigluRows<float>& a, int64_t begin, int64_t end) {
  forward_rows(a, begin, end);
}
OMNIGEN_SIMD void forward_bfloat16(const SwigluRows<at::BFloat16>& a, int64_t begin, int64_t end) {
  forward_rows(a, begin, end);
}
OMNIGEN_SIMD void backward_float(const SwigluRows<float>& a, int64_t begin, int64_t end) {
  backward_rows(a, begin, end);
}
OMNIGEN_SIMD void backward_bfloat16(const SwigluRows<at::BFloat16>& a, int64_t begin, int64_t end) {
  backward_rows(a, begin, end);
}

template <class T>
void run(void (*kernel)(const SwigluRows<T>&, int64_t, int64_t), const at::Tensor& gate_up,
         const at::Tensor& grad, const at::Tensor& out) {
  const SwigluRows<T> rows{gate_up.const_data_ptr<T>(),
                           grad.defined() ? grad.const_data_ptr<T>() : nullptr, out.data_ptr<T>(),
                           gate_up.size(1) / 2};
  parallel_for(gate_up.size(0), kRowsPerTask,
               [&](int64_t begin, int64_t end) { kernel(rows, begin, end); });
}

// Saves its input only.
class Swiglu : public torch::autograd::Function<Swiglu> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate_up_in) {
    const at::Tensor gate_up = gate_up_in.contiguous();
    ctx->save_for_backward({gate_up});
    return swiglu_forward(gate_up);
  }
  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    require_first_order("swiglu");
    return {swiglu_backward(ctx->get_saved_variables()[0], grads[0])};
  }
};

// The readable form, for every device and dtype.
at::Tensor swiglu_reference(const at::Tensor& gate_up) {
  const auto halves = gate_up.chunk(2, -1);
  return halves[1] * at::silu(halves[0]);
}

}  // namespace

at::Tensor swiglu_forward(const at::Tensor& gate_up_PF) {
  const util::Span span("SwiGLU");
  const at::Tensor gate_up = gate_up_PF.contiguous();
  const at::Tensor out = at::empty({gate_up.size(0), gate_up.size(1) / 2}, gate_up.options());
  if (gate_up.scalar_type() == at::kFloat) {
    run<float>(forward_float, gate_up, {}, out);
  } else {
    run<at::BFloat16>(forward_bfloat16, gate_up, {}, out);
  }
  return out;
}

at::Tensor swiglu_backward(const at::Tensor& gate_up_PF, const at::Tensor& grad_PF) {
  const util::Span span("SwiGLU");
  const at::Tensor gate_up = gate_up_PF.contiguous();
  const at::Tensor grad = grad_PF.contiguous();
  const at::Tensor out = at::empty_like(gate_up);
  if (gate_up.scalar_type() == at::kFloat) {
    run<float>(backward_float, gate_up, grad, out);
  } else {
    run<at::BFloat16>(backward_bfloat16, gate_up, grad, out);
  }
  return out;
}

at::Tensor swiglu(const at::Tensor& gate_up_PF) {
  TORCH_CHECK(gate_up_PF.size(-1) % 2 == 0, "swiglu: ", gate_up_PF.size(-1),
              " columns cannot be halved");
  if (!has_row_kernels(gate_up_PF) || gate_up_PF.dim() != 2) return swiglu_reference(gate_up_PF);
  return Swiglu::apply(gate_up_PF);
}

}  // namespace omnigen::nn
