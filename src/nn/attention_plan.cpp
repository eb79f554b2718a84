#include "nn/attention_plan.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "nn/gemm.h"

namespace omnigen::nn {
namespace {

using Block = AttentionPlan::Block;
using Sample = AttentionPlan::Sample;

constexpr int64_t kLibraryRows = 256;
// A block's scores stay in the second-level cache. Whole tiles of every width (24 registers).
constexpr int64_t kGemmRows = 96;
constexpr int64_t kManyKeys = 1024;
constexpr int64_t kRowMultiple = 32;  // a cache line of bfloat16

// The rows of a block, and what a row of probabilities is rounded up to.
struct BlockShape {
  int64_t rows = 0;
  int64_t multiple = 1;
};

// Whether all heads are one task.
bool is_short(const AttentionSpan& span, bool by_gemm) {
  return !by_gemm && span.length <= kLibraryRows;
}

BlockShape block_shape(const AttentionSpan& span, bool by_gemm) {
  if (!by_gemm) return {kLibraryRows, 1};
  return {span.length <= kManyKeys ? kGemmRows : kGemmRows / 2, kRowMultiple};
}

// Rows [begin, end) of a sample, whose last row sees `keys` keys.
void add_blocks(Sample& sample, const AttentionSpan& span, RowRange range, int64_t keys,
                BlockShape shape) {
  for (int64_t row = std::max(range.begin, span.first_query); row < range.end; row += shape.rows) {
    const int64_t end = std::min(row + shape.rows, range.end);
    const bool causal = keys < 0;
    const int64_t seen = causal ? end : keys;
    const int64_t stride = (seen + shape.multiple - 1) / shape.multiple * shape.multiple;
    sample.blocks.push_back(
        {span.query_begin + row - span.first_query, end - row, seen, stride, sample.kept_per_head});
    sample.kept_per_head += (end - row) * stride;
  }
}

Sample plan_sample(const AttentionSpan& span, bool by_gemm) {
  constexpr int64_t kCausal = -1;
  const BlockShape shape = block_shape(span, by_gemm);
  Sample sample{span.key_begin, span.length, 0, {}};
  if (is_short(span, by_gemm) && span.first_query == 0) {
    add_blocks(sample, span, {0, span.length}, span.length, shape);
    return sample;
  }
  int64_t row = 0;
  for (const RowRange& image : span.input_images) {
    add_blocks(sample, span, {row, image.begin}, kCausal, shape);
    add_blocks(sample, span, image, image.end, shape);
    row = image.end;
  }
  add_blocks(sample, span, {row, span.num_causal}, kCausal, shape);
  add_blocks(sample, span, {span.num_causal, span.length}, span.length, shape);
  return sample;
}

void fill_limits(const AttentionSpan& span, std::vector<int64_t>& limits) {
  const auto limit_at = [&](int64_t row) -> int64_t& {
    return limits[static_cast<size_t>(span.query_begin + row - span.first_query)];
  };
  for (int64_t row = span.first_query; row < span.length; ++row) {
    limit_at(row) = row < span.num_causal ? row + 1 : span.length;
  }
  for (const RowRange& image : span.input_images) {
    for (int64_t row = std::max(image.begin, span.first_query); row < image.end; ++row) {
      limit_at(row) = image.end;
    }
  }
}

}  // namespace

AttentionPlanPtr plan_attention(const std::vector<AttentionSpan>& spans, const at::Tensor& q_QD,
                                int64_t num_heads) {
  const auto plan = std::make_shared<AttentionPlan>();
  plan->num_heads = num_heads;
  plan->head_dim = q_QD.size(1) / num_heads;
  plan->by_gemm =
      gemm::is_fast(q_QD.scalar_type()) && plan->head_dim % gemm::kInWord<at::BFloat16> == 0;
  plan->scale = 1.0 / std::sqrt(static_cast<double>(plan->head_dim));
  plan->limits.resize(static_cast<size_t>(q_QD.size(0)));
  for (const AttentionSpan& span : spans) {
    TORCH_CHECK(span.num_causal < span.length, "attention: a sample of ", span.length,
                " tokens has no output-image token");
    Sample sample = plan_sample(span, plan->by_gemm);
    for (Block& block : sample.blocks) {
      block.kept_at += plan->kept;
      plan->pairs += block.rows * block.keys * num_heads;
    }
    plan->kept += sample.kept_per_head * num_heads;
    const int64_t count = is_short(span, plan->by_gemm) ? num_heads : 1;
    for (int64_t head = 0; head < num_heads; head += count) {
      plan->tasks.push_back({plan->samples.size(), head, count});
    }
    plan->samples.push_back(std::move(sample));
    fill_limits(span, plan->limits);
    plan->query_end = std::max(plan->query_end, span.query_begin + span.length - span.first_query);
    plan->key_end = std::max(plan->key_end, span.key_begin + span.length);
  }
  return plan;
}

}  // namespace omnigen::nn
