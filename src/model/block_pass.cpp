// P packed tokens, Q rows that ask, D hidden size, F width of the MLP.
#include "model/block_pass.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <array>
#include <utility>

#include "nn/explicit_linear.h"
#include "nn/parallel.h"
#include "nn/rms_norm.h"
#include "nn/swiglu.h"
#include "util/profile.h"

namespace omnigen::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

bool enabled = true;

// Places in TransformerBlock::layers().
enum Layer : size_t { kToQ, kToK, kToV, kToOut, kGateUp, kDown, kNumLayers };
static_assert(kNumLayers == TransformerBlock::kNumLayers);

// In a profile.
const char* part_of(Layer layer) {
  if (layer == kToOut) return "attention out";
  return layer < kToOut ? "qkv" : "MLP";
}

struct BlockCall : torch::CustomClassHolder {
  BlockCall(const TransformerBlock& called, const BlockContext& context, Recompute again)
      : block(called),
        spans(context.spans),
        key_angles{context.key_angles.cos.contiguous(), context.key_angles.sin.contiguous()},
        query_angles{context.query_angles.cos.contiguous(), context.query_angles.sin.contiguous()},
        query_rows(context.query_rows),
        recompute(again) {}

  const TransformerBlock& block;
  std::vector<nn::AttentionSpan> spans;
  nn::RotaryAngles key_angles;
  nn::RotaryAngles query_angles;
  std::vector<nn::RowRange> query_rows;
  Recompute recompute;
  nn::AttentionPlanPtr plan;  // of the first forward pass
};

// Adds the rows that asked to where they came from.
void add_rows(const at::Tensor& into_PD, const at::Tensor& rows_QD,
              const std::vector<nn::RowRange>& ranges) {
  int64_t row = 0;
  for (const nn::RowRange& range : ranges) {
    const int64_t count = range.end - range.begin;
    into_PD.narrow(0, range.begin, count).add_(rows_QD.narrow(0, row, count));
    row += count;
  }
}

// What the backward pass reads. The inputs of linear layers that can be had from these by one
// cheap pass (the norms' results) are formed again, and only for adapters.
struct Kept {
  nn::RmsNormPass first;        // of the block's input; `normed` is not kept
  nn::RmsNormPass second;       // of the stream behind the attention, likewise
  nn::AttentionPass attention;  // rotated q and k, v
  at::Tensor attended_QD;       // only where to_out has an adapter
  at::Tensor gate_up_QF;
  at::Tensor opened_QF;  // the MLP's activation, only where down_proj has an adapter
  std::array<at::Tensor, kNumLayers> of_adapter;

  template <class Visit>
  void each(const Visit& visit) {
    for (at::Tensor* tensor : {&first.sum, &first.rstd, &second.sum, &second.rstd, &attention.q_QD,
                               &attention.k_PD, &attention.v_PD, &attention.log_sum_HQ,
                               &attention.probabilities, &attended_QD, &gate_up_QF, &opened_QF}) {
      visit(*tensor);
    }
    for (at::Tensor& tensor : of_adapter) visit(tensor);
  }
};

// Of the leaves, by layer; of a layer's input where it has an adapter.
using LeafGradients = std::array<variable_list, kNumLayers>;

class BlockPass {
 public:
  explicit BlockPass(BlockCall& call) : call_(call), layers_(call.block.layers()) {}

  // From the first norm's result on.
  Stream forward(Kept& kept) const {
    at::Tensor normed = kept.first.normed;
    at::Tensor stream = kept.first.sum;
    const at::Tensor k = linear(kToK, normed, kept);
    nn::rotate_half_in_place(k, call_.key_angles, nn::Turn::kForth);
    const at::Tensor v = linear(kToV, normed, kept);
    if (!call_.query_rows.empty()) {
      normed = take_rows(normed, call_.query_rows);
      stream = take_rows(stream, call_.query_rows);
    }
    const at::Tensor q = linear(kToQ, normed, kept);
    nn::rotate_half_in_place(q, call_.query_angles, nn::Turn::kForth);
    kept.attention = {q, k, v, {}, {}};
    if (!call_.plan) call_.plan = nn::plan_attention(call_.spans, q, call_.block.num_heads);
    const at::Tensor attended = nn::attention_forward(*call_.plan, kept.attention, /*keep=*/true);
    if (nn::has_adapter(*layers_[kToOut])) kept.attended_QD = attended;
    const at::Tensor mixed = linear(kToOut, attended, kept);
    kept.second = nn::rms_norm_forward(stream, mixed, call_.block.post_attention_layernorm,
                                       call_.block.rms_norm_eps);
    kept.gate_up_QF = linear(kGateUp, kept.second.normed, kept);
    const at::Tensor opened = nn::swiglu_forward(kept.gate_up_QF);
    if (nn::has_adapter(*layers_[kDown])) kept.opened_QF = opened;
    return {kept.second.sum, linear(kDown, opened, kept)};
  }

  // The MLP's first product, again.
  void open_mlp(Kept& kept) const {
    const at::Tensor normed = normed_again(kept.second, call_.block.post_attention_layernorm);
    kept.gate_up_QF = linear(kGateUp, normed, kept);
    if (nn::has_adapter(*layers_[kDown])) kept.opened_QF = nn::swiglu_forward(kept.gate_up_QF);
  }

  // Returns the gradient of the block's input, undefined where it is not wanted.
  at::Tensor backward(const Kept& kept, const Stream& grad, bool input_wanted,
                      LeafGradients& leaves) const {
    const at::Tensor grad_sum = through_mlp(kept, grad, leaves);
    if (!input_wanted && !attention_is_adapted()) return {};
    at::Tensor grad_attended;
    leaves[kToOut] = layer_backward(kToOut, {kept.attended_QD, kept.of_adapter[kToOut]}, grad_sum,
                                    &grad_attended);
    const nn::AttentionGradients found =
        nn::attention_backward(*call_.plan, kept.attention, grad_attended);
    nn::rotate_half_in_place(found.q_QD, call_.query_angles, nn::Turn::kBack);
    nn::rotate_half_in_place(found.k_PD, call_.key_angles, nn::Turn::kBack);
    const at::Tensor grad_normed = through_projections(kept, found, input_wanted, leaves);
    if (!input_wanted) return {};
    return nn::rms_norm_backward(kept.first, call_.block.input_layernorm, grad_normed,
                                 on_every_row(grad_sum, kept.first.sum));
  }

 private:
  [[nodiscard]] bool projections_are_adapted() const {
    return nn::has_adapter(*layers_[kToQ]) || nn::has_adapter(*layers_[kToK]) ||
           nn::has_adapter(*layers_[kToV]);
  }
  [[nodiscard]] bool attention_is_adapted() const {
    return projections_are_adapted() || nn::has_adapter(*layers_[kToOut]);
  }
  at::Tensor linear(Layer layer, const at::Tensor& x, Kept& kept) const {
    const util::Span span(part_of(layer));
    auto [out, of_adapter] = nn::explicit_forward(*layers_[layer], x);
    kept.of_adapter[layer] = of_adapter;
    return out;
  }
  variable_list layer_backward(Layer layer, const nn::LinearInput& input,
                               const at::Tensor& grad_out, at::Tensor* grad_x) const {
    const util::Span span(part_of(layer));
    return nn::explicit_backward(*layers_[layer], input, grad_out, grad_x);
  }

  // The gradient of the stream behind the attention.
  at::Tensor through_mlp(const Kept& kept, const Stream& grad, LeafGradients& leaves) const {
    at::Tensor grad_opened;
    leaves[kDown] =
        layer_backward(kDown, {kept.opened_QF, kept.of_adapter[kDown]}, grad.pending, &grad_opened);
    const at::Tensor grad_gate_up = nn::swiglu_backward(kept.gate_up_QF, grad_opened);
    at::Tensor normed;
    if (nn::has_adapter(*layers_[kGateUp])) {
      normed = normed_again(kept.second, call_.block.post_attention_layernorm);
    }
    at::Tensor grad_normed;
    leaves[kGateUp] =
        layer_backward(kGateUp, {normed, kept.of_adapter[kGateUp]}, grad_gate_up, &grad_normed);
    return nn::rms_norm_backward(kept.second, call_.block.post_attention_layernorm, grad_normed,
                                 grad.value);
  }

  // The gradient of the first norm's result.
  at::Tensor through_projections(const Kept& kept, const nn::AttentionGradients& grad,
                                 bool input_wanted, LeafGradients& leaves) const {
    at::Tensor normed;
    at::Tensor asking;
    if (projections_are_adapted()) {
      normed = normed_again(kept.first, call_.block.input_layernorm);
      asking = call_.query_rows.empty() ? normed : take_rows(normed, call_.query_rows);
    }
    at::Tensor of_keys;
    at::Tensor* into = input_wanted ? &of_keys : nullptr;
    leaves[kToK] = layer_backward(kToK, {normed, kept.of_adapter[kToK]}, grad.k_PD, into);
    leaves[kToV] = layer_backward(kToV, {normed, kept.of_adapter[kToV]}, grad.v_PD, into);
    if (call_.query_rows.empty()) {
      leaves[kToQ] = layer_backward(kToQ, {asking, kept.of_adapter[kToQ]}, grad.q_QD, into);
      return of_keys;
    }
    at::Tensor of_queries;
    leaves[kToQ] = layer_backward(kToQ, {asking, kept.of_adapter[kToQ]}, grad.q_QD,
                                  input_wanted ? &of_queries : nullptr);
    if (!input_wanted) return {};
    add_rows(of_keys, of_queries, call_.query_rows);
    return of_keys;
  }

  [[nodiscard]] at::Tensor normed_again(const nn::RmsNormPass& pass,
                                        const at::Tensor& weight) const {
    return nn::rms_norm_forward(pass.sum, {}, weight, call_.block.rms_norm_eps).normed;
  }

  // Rows that did not ask get zeros.
  [[nodiscard]] at::Tensor on_every_row(const at::Tensor& grad_QD,
                                        const at::Tensor& like_PD) const {
    if (call_.query_rows.empty()) return grad_QD;
    at::Tensor all = at::zeros_like(like_PD);
    add_rows(all, grad_QD, call_.query_rows);
    return all;
  }

  BlockCall& call_;
  std::array<const nn::Linear*, kNumLayers> layers_;
};

class BlockFunction : public torch::autograd::Function<BlockFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const c10::intrusive_ptr<BlockCall>& call,
                               const at::Tensor& value, const std::optional<at::Tensor>& pending,
                               at::TensorList /*leaves*/) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    Kept kept;
    kept.first = nn::rms_norm_forward(value, pending.value_or(at::Tensor()),
                                      call->block.input_layernorm, call->block.rms_norm_eps);
    const Stream out = BlockPass(*call).forward(kept);
    if (call->recompute == Recompute::kFull) {
      const nn::RmsNormPass first = kept.first;
      kept = {};
      kept.first = first;
    } else if (call->recompute == Recompute::kSelective) {
      kept.gate_up_QF = at::Tensor();
      kept.opened_QF = at::Tensor();
      kept.of_adapter[kGateUp] = at::Tensor();
    }
    variable_list saved;
    kept.each([&](at::Tensor& tensor) { saved.push_back(tensor); });
    ctx->save_for_backward(std::move(saved));
    ctx->saved_data["call"] = c10::IValue::make_capsule(call);
    ctx->saved_data["has_pending"] = pending.has_value();
    return {out.value, out.pending};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    nn::require_first_order("transformer block");
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    const auto call =
        c10::static_intrusive_pointer_cast<BlockCall>(ctx->saved_data["call"].toCapsule());
    const bool has_pending = ctx->saved_data["has_pending"].toBool();
    const variable_list saved = ctx->get_saved_variables();
    Kept kept;
    auto next = saved.begin();
    kept.each([&](at::Tensor& tensor) { tensor = *next++; });
    const BlockPass pass(*call);
    if (call->recompute == Recompute::kSelective) {
      const util::Span span("recompute");
      pass.open_mlp(kept);
    } else if (call->recompute == Recompute::kFull) {
      const util::Span span("recompute");
      kept.first = nn::rms_norm_forward(kept.first.sum, {}, call->block.input_layernorm,
                                        call->block.rms_norm_eps);
      static_cast<void>(pass.forward(kept));
    }
    const bool input_wanted = ctx->needs_input_grad(0) || (has_pending && ctx->needs_input_grad(1));
    LeafGradients leaves;
    const at::Tensor grad_input =
        pass.backward(kept, {grads[0].contiguous(), grads[1].contiguous()}, input_wanted, leaves);
    variable_list result{at::Tensor(), grad_input, has_pending ? grad_input : at::Tensor()};
    for (const variable_list& of_layer : leaves) {
      result.insert(result.end(), of_layer.begin(), of_layer.end());
    }
    return result;
  }
};

bool is_row_weight(const at::Tensor& weight, const at::Tensor& x) {
  return weight.is_contiguous() && weight.scalar_type() == x.scalar_type() &&
         !weight.requires_grad();
}

}  // namespace

void set_blocks_run_as_one(bool on) {
  enabled = on;
}

bool runs_as_one(const TransformerBlock& block, const Stream& in) {
  if (!enabled) return false;
  if (in.pending.defined() && in.pending.scalar_type() != in.value.scalar_type()) return false;
  if (!is_row_weight(block.input_layernorm, in.value)) return false;
  if (!is_row_weight(block.post_attention_layernorm, in.value)) return false;
  for (const nn::Linear* layer : block.layers()) {
    if (!nn::is_explicit(*layer, in.value)) return false;
  }
  return true;
}

Stream block_as_one(const TransformerBlock& block, const Stream& in, const BlockContext& context,
                    Recompute recompute) {
  std::vector<at::Tensor> leaves;
  for (const nn::Linear* layer : block.layers()) {
    const std::vector<at::Tensor> of_layer = nn::explicit_leaves(*layer);
    leaves.insert(leaves.end(), of_layer.begin(), of_layer.end());
  }
  const std::optional<at::Tensor> pending =
      in.pending.defined() ? std::optional<at::Tensor>(in.pending) : std::nullopt;
  const variable_list out =
      BlockFunction::apply(c10::make_intrusive<BlockCall>(block, context, recompute), in.value,
                           pending, at::TensorList(leaves));
  return {out[0], out[1]};
}

}  // namespace omnigen::model
