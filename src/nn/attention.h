// Attention of packed samples without a mask: causal over condition and time tokens, dense over
// every input image's block and over the output image.
//
// In each sample row i sees keys [0, n_i): i + 1 for condition and time tokens, the block's end
// inside an input image, all for output-image rows. That is the published mask, row by row.
//
// Source: diffusers pipelines/omnigen/processor_omnigen.py (the mask); arXiv:2205.14135 (row
// blocks).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace omnigen::nn {

// Half-open range of a sample's rows.
struct RowRange {
  int64_t begin = 0;
  int64_t end = 0;
};

// Where one sample lies. Rows are counted from its first token.
struct AttentionSpan {
  int64_t key_begin = 0;               // its first row in k and v
  int64_t query_begin = 0;             // the row in q and the result of `first_query`
  int64_t first_query = 0;             // 0, or num_causal where only output-image rows are wanted
  int64_t num_causal = 0;              // condition tokens and the time token
  int64_t length = 0;                  // all tokens
  std::vector<RowRange> input_images;  // below num_causal, ascending, disjoint
};

// Rows behind the last sample give zeros and have no gradient.
//
// Scale 1/sqrt(d); softmax in float32. Samples are independent of each other, to the last bit where
// a head's rows begin at multiples of 64 bytes (matrix products round by alignment). Shapes: q, the
// result [Q, H·d], k, v [P, H·d].
at::Tensor attention(const at::Tensor& q_QD, const at::Tensor& k_PD, const at::Tensor& v_PD,
                     const std::vector<AttentionSpan>& spans, int64_t num_heads);

// The same as calls of scaled_dot_product_attention, for every device and dtype: one causal call,
// one dense call per image block, concatenated.
at::Tensor attention_reference(const at::Tensor& q_QD, const at::Tensor& k_PD,
                               const at::Tensor& v_PD, const std::vector<AttentionSpan>& spans,
                               int64_t num_heads);

// The two passes without a graph, for code that writes its own backward; where has_row_kernels().
struct AttentionPlan;
struct AttentionPass {
  at::Tensor q_QD;
  at::Tensor k_PD;
  at::Tensor v_PD;
  at::Tensor log_sum_HQ;
  at::Tensor probabilities;  // undefined: formed again in backward
};
using AttentionPlanPtr = std::shared_ptr<const AttentionPlan>;
AttentionPlanPtr plan_attention(const std::vector<AttentionSpan>& spans, const at::Tensor& q_QD,
                                int64_t num_heads);
// Returns the result. Sets `log_sum_HQ` and, with `keep` and where they are not too many, the
// probabilities.
at::Tensor attention_forward(const AttentionPlan& plan, AttentionPass& pass, bool keep);
struct AttentionGradients {
  at::Tensor q_QD;
  at::Tensor k_PD;
  at::Tensor v_PD;
};
AttentionGradients attention_backward(const AttentionPlan& plan, const AttentionPass& pass,
                                      const at::Tensor& grad_QD);

}  // namespace omnigen::nn
