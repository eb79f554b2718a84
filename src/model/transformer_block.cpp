// P packed tokens, Q rows that ask, D hidden size.
#include "model/transformer_block.h"

#include "nn/rms_norm.h"
#include "nn/swiglu.h"
#include "util/profile.h"

namespace omnigen::model {
namespace {

at::Tensor forward_part(const char* name, const nn::Linear& layer, const at::Tensor& x) {
  const util::Span span(name);
  return layer.forward(x);
}

}  // namespace

at::Tensor take_rows(const at::Tensor& x_PD, const std::vector<nn::RowRange>& rows) {
  std::vector<at::Tensor> pieces;
  pieces.reserve(rows.size());
  for (const nn::RowRange& range : rows) {
    pieces.push_back(x_PD.narrow(0, range.begin, range.end - range.begin));
  }
  return pieces.size() == 1 ? pieces[0] : at::cat(pieces, 0);
}

Stream TransformerBlock::forward(const Stream& in, const BlockContext& context) const {
  auto [stream, normed] = nn::add_rms_norm(in.value, in.pending, input_layernorm, rms_norm_eps);
  const at::Tensor k = nn::rotate_half(forward_part("qkv", to_k, normed), context.key_angles);
  const at::Tensor v = forward_part("qkv", to_v, normed);
  if (!context.query_rows.empty()) {
    normed = take_rows(normed, context.query_rows);
    stream = take_rows(stream, context.query_rows);
  }
  const at::Tensor q = nn::rotate_half(forward_part("qkv", to_q, normed), context.query_angles);
  const at::Tensor mixed =
      forward_part("attention out", to_out, nn::attention(q, k, v, context.spans, num_heads));
  const auto [after, gated] =
      nn::add_rms_norm(stream, mixed, post_attention_layernorm, rms_norm_eps);
  const at::Tensor opened = nn::swiglu(forward_part("MLP", gate_up_proj, gated));
  return {after, forward_part("MLP", down_proj, opened)};
}

}  // namespace omnigen::model
