// Q query rows, P key rows, D = H·d channels, H heads, d channels of a head.
#include "nn/attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include <memory>
#include <utility>

#include "nn/attention_choice.h"
#include "nn/attention_plan.h"
#include "nn/parallel.h"
#include "util/profile.h"

namespace omnigen::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Up to here probabilities are kept for backward, which saves one product of five and all
// exponentials.
constexpr int64_t kMaxKeptBytes = int64_t{32} << 20;

// Of the size of `like`; what lies behind the samples is zero.
at::Tensor empty_up_to(int64_t end, const at::Tensor& like) {
  at::Tensor out = at::empty(like.sizes(), like.options());
  if (end < out.size(0)) out.narrow(0, end, out.size(0) - end).zero_();
  return out;
}

struct PlanHolder : torch::CustomClassHolder {
  explicit PlanHolder(std::shared_ptr<const AttentionPlan> held) : plan(std::move(held)) {}
  std::shared_ptr<const AttentionPlan> plan;
};

class PackedAttention : public torch::autograd::Function<PackedAttention> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::shared_ptr<const AttentionPlan>& plan,
                            bool recorded) {
    AttentionPass pass{q, k, v, {}, {}};
    at::Tensor out = attention_forward(*plan, pass, recorded);
    ctx->save_for_backward({q, k, v, pass.log_sum_HQ, pass.probabilities});
    ctx->saved_data["plan"] = c10::IValue::make_capsule(c10::make_intrusive<PlanHolder>(plan));
    return out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    require_first_order("attention");
    const auto holder =
        c10::static_intrusive_pointer_cast<PlanHolder>(ctx->saved_data["plan"].toCapsule());
    const variable_list saved = ctx->get_saved_variables();
    const AttentionGradients found = attention_backward(
        *holder->plan, {saved[0], saved[1], saved[2], saved[3], saved[4]}, grads[0]);
    return {found.q_QD, found.k_PD, found.v_PD, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor attention_forward(const AttentionPlan& plan, AttentionPass& pass, bool keep) {
  const util::Span span("attention");
  util::count_flop(4.0 * static_cast<double>(plan.pairs * plan.head_dim));  // two products
  const at::Tensor& q = pass.q_QD;
  pass.log_sum_HQ = at::empty({plan.num_heads, q.size(0)}, q.options().dtype(at::kFloat));
  if (keep && plan.kept * q.element_size() <= kMaxKeptBytes) {
    pass.probabilities = at::empty({plan.kept}, q.options());
  }
  at::Tensor out = empty_up_to(plan.query_end, q);
  if (plan.by_gemm) {
    attention_forward_by_gemm(plan, pass, out);
  } else {
    attention_forward_by_library(plan, pass, out);
  }
  return out;
}

AttentionGradients attention_backward(const AttentionPlan& plan, const AttentionPass& pass,
                                      const at::Tensor& grad_QD) {
  const util::Span span("attention");
  util::count_flop(8.0 * static_cast<double>(plan.pairs * plan.head_dim));  // four products
  const at::Tensor grad = grad_QD.contiguous();
  AttentionGradients into{empty_up_to(plan.query_end, pass.q_QD),
                          empty_up_to(plan.key_end, pass.k_PD),
                          empty_up_to(plan.key_end, pass.v_PD)};
  if (plan.by_gemm) {
    attention_backward_by_gemm(plan, pass, grad, into);
  } else {
    attention_backward_by_library(plan, pass, grad, into);
  }
  return into;
}

at::Tensor attention_reference(const at::Tensor& q_QD, const at::Tensor& k_PD,
                               const at::Tensor& v_PD, const std::vector<AttentionSpan>& spans,
                               int64_t num_heads) {
  const auto heads = [&](const at::Tensor& x) {
    return x.view({x.size(0), num_heads, -1}).transpose(0, 1).unsqueeze(0);
  };
  std::vector<at::Tensor> pieces;
  for (const AttentionSpan& span : spans) {
    const auto call = [&](RowRange rows, int64_t keys, bool causal) {
      const at::Tensor q =
          q_QD.narrow(0, span.query_begin + rows.begin - span.first_query, rows.end - rows.begin);
      return fastest_attention(heads(q), heads(k_PD.narrow(0, span.key_begin, keys)),
                               heads(v_PD.narrow(0, span.key_begin, keys)), causal)
          .squeeze(0)
          .transpose(0, 1)
          .reshape({q.size(0), -1});
    };
    if (span.first_query == 0) {
      const at::Tensor causal = call({0, span.num_causal}, span.num_causal, true);
      int64_t row = 0;
      for (const RowRange& image : span.input_images) {
        pieces.push_back(causal.slice(0, row, image.begin));
        pieces.push_back(call(image, image.end, false));
        row = image.end;
      }
      pieces.push_back(causal.slice(0, row, span.num_causal));
    }
    pieces.push_back(call({span.num_causal, span.length}, span.length, false));
  }
  return at::cat(pieces, 0);
}

at::Tensor attention(const at::Tensor& q_QD, const at::Tensor& k_PD, const at::Tensor& v_PD,
                     const std::vector<AttentionSpan>& spans, int64_t num_heads) {
  TORCH_CHECK(
      q_QD.size(1) % num_heads == 0 && k_PD.sizes() == v_PD.sizes() && q_QD.size(1) == k_PD.size(1),
      "attention: q ", q_QD.sizes(), ", k ", k_PD.sizes(), ", v ", v_PD.sizes(), ", heads ",
      num_heads);
  if (!has_row_kernels(q_QD) || q_QD.scalar_type() != k_PD.scalar_type() ||
      q_QD.scalar_type() != v_PD.scalar_type()) {
    return attention_reference(q_QD, k_PD, v_PD, spans, num_heads);
  }
  const std::shared_ptr<const AttentionPlan> plan = plan_attention(spans, q_QD, num_heads);
  const bool recorded = at::GradMode::is_enabled() &&
                        (q_QD.requires_grad() || k_PD.requires_grad() || v_PD.requires_grad());
  return PackedAttention::apply(q_QD, k_PD, v_PD, plan, recorded);
}

}  // namespace omnigen::nn
