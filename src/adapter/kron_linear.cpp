// T tokens; a, b, c, d, p as in KronFactors. The mixes with W1 are batched over tokens: on one
// thread that beats one product over a permuted copy at every size measured (hidden 512 to 3072).
// A small W1 (factor 8 and below) has kernels of its own.
#include "adapter/kron_linear.h"

#include <torch/csrc/autograd/custom_function.h>

#include <optional>

#include "adapter/kron_gemm.h"
#include "nn/linear.h"
#include "nn/parallel.h"
#include "nn/token_mix.h"
#include "util/profile.h"

namespace omnigen::adapter {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

KronSizes sizes_of(const at::Tensor& x, const KronFactors& f, int64_t out_features) {
  const int64_t a = f.w1_AC.size(0);
  const int64_t c = f.w1_AC.size(1);
  const int64_t in_features = x.size(-1);
  TORCH_CHECK(in_features % c == 0 && out_features % a == 0, "kron_linear: W1 is ", a, "x", c,
              ", the layer ", out_features, "x", in_features);
  const int64_t b = out_features / a;
  const int64_t d = in_features / c;
  const int64_t p = f.before_PD.defined() ? f.before_PD.size(0) : d;
  TORCH_CHECK(!f.before_PD.defined() || f.before_PD.size(1) == d,
              "kron_linear: W2's right side is ", f.before_PD.sizes(), ", needs ", d, " columns");
  TORCH_CHECK(f.after_BP.defined() ? f.after_BP.size(0) == b && f.after_BP.size(1) == p : b == p,
              "kron_linear: W2's left side does not lead from ", p, " to ", b);
  return {in_features == 0 ? 0 : x.numel() / in_features, a, b, c, d, p};
}

// In the dtype of the computation. A transposed matrix that needs no cast stays as it stands.
at::Tensor cast(const at::Tensor& matrix, at::ScalarType dtype) {
  return matrix.to(matrix.options().dtype(dtype), /*non_blocking=*/false, /*copy=*/false,
                   at::MemoryFormat::Contiguous);
}

// rows · matrixᵀ through the layer kernel, which knows the fastest product of this machine.
at::Tensor times_transposed(const at::Tensor& rows, const at::Tensor& matrix) {
  return nn::Linear{cast(matrix, rows.scalar_type()), at::Tensor(), nullptr}.forward(rows);
}

// Counted here: what times_transposed() does counts itself.
void count_product(int64_t rows, int64_t summed, int64_t columns) {
  util::count_flop(2.0 * static_cast<double>(rows * summed) * static_cast<double>(columns));
}

// The same small matrix on every token. Shapes: [m, n], [T, n, p] -> [T, m, p].
at::Tensor mix(const at::Tensor& small_MN, const at::Tensor& x_TNP) {
  count_product(x_TNP.size(0) * small_MN.size(0), small_MN.size(1), x_TNP.size(2));
  if (nn::has_token_mix(small_MN, x_TNP)) {
    const at::Tensor out =
        at::empty({x_TNP.size(0), small_MN.size(0), x_TNP.size(2)}, x_TNP.options());
    nn::token_mix(small_MN.contiguous(), x_TNP, out, nn::MixInto::kReplace);
    return out;
  }
  const at::Tensor small = small_MN.to(x_TNP.scalar_type());
  if (small.numel() == 1) return x_TNP.mul(small);  // LoRA: nothing to mix
  return at::bmm(small.expand({x_TNP.size(0), small.size(0), small.size(1)}), x_TNP);
}

// out += mix(small, x).
void add_mix(const at::Tensor& out_TMP, const at::Tensor& small_MN, const at::Tensor& x_TNP) {
  if (nn::has_token_mix(small_MN, x_TNP)) {
    count_product(x_TNP.size(0) * small_MN.size(0), small_MN.size(1), x_TNP.size(2));
    nn::token_mix(small_MN.contiguous(), x_TNP, out_TMP, nn::MixInto::kAdd);
  } else {
    at::Tensor(out_TMP).add_(mix(small_MN, x_TNP));
  }
}

// Σ over tokens of y · xᵀ, in float32 where there are row kernels.
at::Tensor mix_gradient(const at::Tensor& y_TMP, const at::Tensor& x_TNP, const at::Tensor& w1_AC) {
  count_product(y_TMP.size(0) * y_TMP.size(1), y_TMP.size(2), x_TNP.size(1));
  if (nn::has_token_mix(w1_AC, x_TNP)) return nn::token_mix_gradient(y_TMP, x_TNP);
  return at::bmm(y_TMP, x_TNP.transpose(1, 2)).sum(0, /*keepdim=*/false, w1_AC.scalar_type());
}

// The scale goes into the smallest matrix, before any rounding.
at::Tensor scaled(const at::Tensor& w1_AC, double scale, const at::Tensor& x) {
  const at::ScalarType dtype = nn::has_row_kernels(x) ? at::kFloat : x.scalar_type();
  return scale == 1.0 ? w1_AC.to(dtype) : w1_AC.mul(scale).to(dtype);
}

// X · beforeᵀ. Shapes: [T, c, d] -> [T, c, p].
at::Tensor project(const at::Tensor& x_TCD, const at::Tensor& before_PD, const KronSizes& s) {
  if (!before_PD.defined()) return x_TCD;
  return times_transposed(x_TCD.view({s.tokens * s.c, s.d}), before_PD).view({s.tokens, s.c, s.p});
}

bool may_be_overwritten(const at::Tensor& tensor) {
  return tensor.is_contiguous() && !tensor.is_view() &&
         !(tensor.is_leaf() && tensor.requires_grad());
}

class KronLinear : public torch::autograd::Function<KronLinear> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& base_out, const at::Tensor& x,
                            const at::Tensor& w1_AC, const std::optional<at::Tensor>& before,
                            const std::optional<at::Tensor>& after, double scale) {
    const at::Tensor before_PD = before.value_or(at::Tensor());
    const at::Tensor after_BP = after.value_or(at::Tensor());
    at::Tensor out = base_out;
    if (may_be_overwritten(base_out)) {
      ctx->mark_dirty({out});
    } else {
      out = base_out.clone(at::MemoryFormat::Contiguous);
    }
    KronPass pass{x, {}, {w1_AC, before_PD, after_BP}, scale};
    kron_forward(out, pass);
    ctx->save_for_backward({x, w1_AC, before_PD, after_BP, pass.projected});
    ctx->saved_data["scale"] = scale;
    return out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    nn::require_first_order("LoKr");
    const variable_list saved = ctx->get_saved_variables();
    const KronPass pass{
        saved[0], saved[4], {saved[1], saved[2], saved[3]}, ctx->saved_data["scale"].toDouble()};
    const bool has_before = saved[2].defined();
    const bool has_after = saved[3].defined();
    const size_t after_edge = has_before ? kAfter : kBefore;  // absent ones have no edge
    const KronWanted wanted{ctx->needs_input_grad(kW1),
                            has_before && ctx->needs_input_grad(kBefore),
                            has_after && ctx->needs_input_grad(after_edge)};
    const KronGradients found =
        kron_backward(pass, grads[0].contiguous(), wanted,
                      ctx->needs_input_grad(kX) ? GradX::kNew : GradX::kUnwanted, {});
    variable_list result(kNumArguments);
    result[kBase] = grads[0];
    result[kX] = found.x;
    result[kW1] = found.factors.w1_AC;
    result[kBefore] = found.factors.before_PD;
    result[kAfter] = found.factors.after_BP;
    return result;
  }

 private:
  // Arguments of forward() that may have a gradient.
  enum Input : size_t { kBase, kX, kW1, kBefore, kAfter, kNumArguments = 6 };
};

}  // namespace

bool mixes_first(int64_t a, int64_t b, int64_t c, int64_t d) {
  return a * c * d + a * b * d <= b * c * d + a * b * c;
}

void kron_forward(const at::Tensor& out, KronPass& pass) {
  const util::Span span("adapter");
  const KronFactors& f = pass.factors;
  const at::Tensor& x = pass.x;
  const KronSizes s = sizes_of(x, f, out.size(-1));
  const at::Tensor small = scaled(f.w1_AC, pass.scale, x);
  if (has_kron_gemm(s, x)) {
    pass.x = x.contiguous();
    return kron_forward_by_gemm(out, pass, {s, small});
  }
  const at::Tensor p_TCP = project(x.contiguous().view({s.tokens, s.c, s.d}), f.before_PD, s);
  if (f.after_BP.defined()) {
    const at::Tensor q_TAP = mix(small, p_TCP);
    count_product(s.tokens * s.a, s.p, s.b);
    out.view({s.tokens * s.a, s.b})
        .addmm_(q_TAP.view({s.tokens * s.a, s.p}), cast(f.after_BP, x.scalar_type()).t());
  } else {
    add_mix(out.view({s.tokens, s.a, s.b}), small, p_TCP);
  }
  if (f.before_PD.defined()) pass.projected = p_TCP;
}

KronGradients kron_backward(const KronPass& pass, const at::Tensor& grad_out,
                            const KronWanted& wanted, GradX mode, const at::Tensor& grad_x) {
  const util::Span span("adapter");
  const at::Tensor& x = pass.x;
  const KronFactors& f = pass.factors;
  const KronSizes s = sizes_of(x, f, grad_out.size(-1));
  const at::Tensor small = scaled(f.w1_AC, pass.scale, x);
  if (has_kron_gemm(s, x)) {
    const KronPass dense{x.contiguous(), pass.projected, f, pass.scale};
    return kron_backward_by_gemm(dense, {s, small}, grad_out, wanted, mode, grad_x);
  }
  const at::Tensor g_TAB = grad_out.view({s.tokens, s.a, s.b});
  const at::Tensor x_TCD = x.contiguous().view({s.tokens, s.c, s.d});
  const at::Tensor p_TCP = f.before_PD.defined() ? pass.projected : x_TCD;
  KronGradients found;
  if (wanted.after) {
    const at::Tensor q_TAP = mix(small, p_TCP);  // cheaper to mix again than to keep
    count_product(s.tokens * s.a, s.b, s.p);
    found.factors.after_BP =
        at::mm(g_TAB.view({s.tokens * s.a, s.b}).t(), q_TAP.view({s.tokens * s.a, s.p}))
            .to(f.after_BP.scalar_type());
  }
  const at::Tensor dq_TAP =
      f.after_BP.defined() ? times_transposed(g_TAB.view({s.tokens * s.a, s.b}), f.after_BP.t())
                                 .view({s.tokens, s.a, s.p})
                           : g_TAB;
  if (wanted.w1) {
    found.factors.w1_AC =
        mix_gradient(dq_TAP, p_TCP, f.w1_AC).to(f.w1_AC.scalar_type()).mul_(pass.scale);
  }
  if (!wanted.before && mode == GradX::kUnwanted) return found;
  if (!f.before_PD.defined() && mode == GradX::kAdd) {
    add_mix(grad_x.view({s.tokens, s.c, s.d}), small.t(), dq_TAP);
    return found;
  }
  const at::Tensor dp_TCP = mix(small.t(), dq_TAP);
  if (wanted.before) {
    count_product(s.tokens * s.c, s.p, s.d);
    found.factors.before_PD =
        at::mm(dp_TCP.view({s.tokens * s.c, s.p}).t(), x_TCD.view({s.tokens * s.c, s.d}))
            .to(f.before_PD.scalar_type());
  }
  if (mode == GradX::kUnwanted) return found;
  const at::Tensor grad =
      f.before_PD.defined() ? times_transposed(dp_TCP.view({s.tokens * s.c, s.p}), f.before_PD.t())
                            : dp_TCP;
  if (mode == GradX::kAdd) {
    grad_x.add_(grad.view(x.sizes()));
  } else {
    found.x = grad.view(x.sizes());
  }
  return found;
}

at::Tensor add_kron_linear(const at::Tensor& base_out, const at::Tensor& x,
                           const KronFactors& factors, double scale) {
  const auto optional = [](const at::Tensor& tensor) {
    return tensor.defined() ? std::optional<at::Tensor>(tensor) : std::nullopt;
  };
  return KronLinear::apply(base_out, x, factors.w1_AC, optional(factors.before_PD),
                           optional(factors.after_BP), scale);
}

}  // namespace omnigen::adapter
