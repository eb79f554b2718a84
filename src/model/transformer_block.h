// One decoder block on packed tokens: attention and MLP, each behind a norm and beside the residual
// stream.
//
// Source: diffusers models/transformers/transformer_omnigen.py (class OmniGenBlock).
#pragma once

#include <torch/types.h>

#include <array>
#include <vector>

#include "nn/attention.h"
#include "nn/linear.h"
#include "nn/rotary.h"

namespace omnigen::model {

// The residual stream, its last addition still to be made: the next norm adds in the same pass.
struct Stream {
  at::Tensor value;
  at::Tensor pending;  // undefined: nothing pending

  [[nodiscard]] at::Tensor sum() const { return pending.defined() ? value + pending : value; }
};

// What a block needs to know of the micro-batch.
struct BlockContext {
  const std::vector<nn::AttentionSpan>& spans;
  const nn::RotaryAngles& key_angles;    // of every token
  const nn::RotaryAngles& query_angles;  // of the rows that ask
  // The rows that ask, [begin, end) each; empty: every row.
  const std::vector<nn::RowRange>& query_rows;
};

struct TransformerBlock {
  at::Tensor input_layernorm;
  nn::Linear to_q;
  nn::Linear to_k;
  nn::Linear to_v;
  nn::Linear to_out;
  at::Tensor post_attention_layernorm;
  nn::Linear gate_up_proj;
  nn::Linear down_proj;
  double rms_norm_eps = 1e-5;
  int64_t num_heads = 1;

  // q, k, v, out, gate and up, down.
  static constexpr size_t kNumLayers = 6;
  [[nodiscard]] std::array<const nn::Linear*, kNumLayers> layers() const {
    return {&to_q, &to_k, &to_v, &to_out, &gate_up_proj, &down_proj};
  }
  // Rows of the result are the rows that ask.
  [[nodiscard]] Stream forward(const Stream& in, const BlockContext& context) const;
};

// The given rows of x, a view where they are one range. Shapes: [P, D] -> [Q, D].
at::Tensor take_rows(const at::Tensor& x_PD, const std::vector<nn::RowRange>& rows);

}  // namespace omnigen::model
