// Q query rows, P key rows, D = H·d channels, H heads, d channels of a head; R rows and K keys of a
// block.
//
// One task is one head of one sample, or all heads of a short one, whose products are too small to
// be called one by one. It alone writes its columns of the result and of the gradients, so that
// neither threads nor neighbouring samples change a bit. A task goes through blocks of rows; a
// block's keys are the prefix that its last row may see, and a row that may see less has its tail
// set to zero.
#include "nn/attention.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "nn/attention_softmax.h"
#include "nn/parallel.h"
#include "util/profile.h"

namespace omnigen::nn {

struct AttentionPlan {
  struct Block {
    int64_t query = 0;  // first row in q
    int64_t rows = 0;
    int64_t keys = 0;
    int64_t kept_at = 0;  // of head 0, in the kept probabilities
  };
  struct Sample {
    int64_t key_begin = 0;
    int64_t length = 0;
    int64_t kept_per_head = 0;
    std::vector<Block> blocks;  // the last one sees every key
  };
  struct Task {
    size_t sample = 0;
    int64_t head = 0;  // the first
    int64_t count = 1;
  };

  std::vector<Sample> samples;
  std::vector<Task> tasks;
  std::vector<int64_t> limits;  // by query row
  int64_t query_end = 0;        // rows behind it belong to no sample
  int64_t key_end = 0;
  int64_t num_heads = 0;
  int64_t head_dim = 0;
  int64_t kept = 0;  // elements of all probabilities
  double scale = 1.0;
};

namespace {

using Plan = AttentionPlan;
using Block = AttentionPlan::Block;
using Sample = AttentionPlan::Sample;
using Task = AttentionPlan::Task;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kBlockRows = 256;
// Up to here probabilities are kept for backward, which saves one product of five and all
// exponentials.
constexpr int64_t kMaxKeptBytes = int64_t{32} << 20;
// bfloat16 sums of more blocks than this are kept in float32.
constexpr size_t kFewBlocks = 2;

// Rows [begin, end) of a sample, whose last row sees `keys` keys.
void add_blocks(Sample& sample, const AttentionSpan& span, RowRange range, int64_t keys) {
  for (int64_t row = std::max(range.begin, span.first_query); row < range.end; row += kBlockRows) {
    const int64_t end = std::min(row + kBlockRows, range.end);
    const bool causal = keys < 0;
    const int64_t seen = causal ? end : keys;
    sample.blocks.push_back(
        {span.query_begin + row - span.first_query, end - row, seen, sample.kept_per_head});
    sample.kept_per_head += (end - row) * seen;
  }
}

bool is_short(const AttentionSpan& span) {
  return span.length <= kBlockRows;
}

Sample plan_sample(const AttentionSpan& span) {
  constexpr int64_t kCausal = -1;
  Sample sample{span.key_begin, span.length, 0, {}};
  if (is_short(span) && span.first_query == 0) {
    add_blocks(sample, span, {0, span.length}, span.length);
    return sample;
  }
  int64_t row = 0;
  for (const RowRange& image : span.input_images) {
    add_blocks(sample, span, {row, image.begin}, kCausal);
    add_blocks(sample, span, image, image.end);
    row = image.end;
  }
  add_blocks(sample, span, {row, span.num_causal}, kCausal);
  add_blocks(sample, span, {span.num_causal, span.length}, span.length);
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

std::shared_ptr<Plan> make_plan(const std::vector<AttentionSpan>& spans, int64_t num_queries,
                                int64_t channels, int64_t num_heads) {
  auto plan = std::make_shared<Plan>();
  plan->num_heads = num_heads;
  plan->head_dim = channels / num_heads;
  plan->scale = 1.0 / std::sqrt(static_cast<double>(plan->head_dim));
  plan->limits.resize(static_cast<size_t>(num_queries));
  for (const AttentionSpan& span : spans) {
    TORCH_CHECK(span.num_causal < span.length, "attention: a sample of ", span.length,
                " tokens has no output-image token");
    Sample sample = plan_sample(span);
    for (Block& block : sample.blocks) block.kept_at += plan->kept;
    plan->kept += sample.kept_per_head * num_heads;
    const int64_t count = is_short(span) ? num_heads : 1;
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

// Products of h matrices. Of a single one, `out` may be a part of something wider: it is written
// in place.
void product_into(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b) {
  if (out.size(0) == 1) {
    at::Tensor only = out[0];
    at::mm_out(only, a[0], b[0]);
  } else {
    out.copy_(at::bmm(a, b));
  }
}

void add_product(const at::Tensor& sum, const at::Tensor& a, const at::Tensor& b, bool first) {
  if (first && sum.scalar_type() == a.scalar_type()) {
    product_into(sum, a, b);
  } else if (first) {
    sum.copy_(at::bmm(a, b));
  } else if (sum.size(0) == 1 && sum.scalar_type() == a.scalar_type()) {
    sum[0].addmm_(a[0], b[0]);
  } else {
    sum.add_(at::bmm(a, b));
  }
}

// What one task computes: h heads of one sample.
class Heads {
 public:
  Heads(const Plan& plan, const AttentionPass& operands, const Task& task)
      : plan_(plan),
        operands_(operands),
        sample_(plan.samples[task.sample]),
        head_(task.head),
        count_(task.count),
        k_(packed(keys_of(operands.k_PD))),
        v_(packed(keys_of(operands.v_PD))) {}

  void forward(const at::Tensor& out_QD) const {
    for (const Block& block : sample_.blocks) {
      const at::Tensor probabilities = probabilities_of(block, /*known=*/false);
      product_into(rows_of(out_QD, block), probabilities, v_.narrow(1, 0, block.keys));
    }
  }

  void backward(const at::Tensor& grad_QD, const AttentionGradients& into) const {
    const bool wide = k_.scalar_type() != at::kFloat && sample_.blocks.size() > kFewBlocks;
    const at::Tensor grad_k = keys_of(into.k_PD);
    const at::Tensor grad_v = keys_of(into.v_PD);
    const at::Tensor sum_k = wide ? at::empty(k_.sizes(), k_.options().dtype(at::kFloat)) : grad_k;
    const at::Tensor sum_v = wide ? at::empty(v_.sizes(), v_.options().dtype(at::kFloat)) : grad_v;
    // From the last block: it covers every key, so that the sums need no zero.
    for (auto block = sample_.blocks.rbegin(); block != sample_.blocks.rend(); ++block) {
      const bool first = block == sample_.blocks.rbegin();
      const at::Tensor keys = k_.narrow(1, 0, block->keys);
      const at::Tensor grad = packed(rows_of(grad_QD, *block));
      const at::Tensor probabilities = operands_.probabilities.defined()
                                           ? kept_of(*block)
                                           : probabilities_of(*block, /*known=*/true);
      add_product(sum_v.narrow(1, 0, block->keys), probabilities.mT(), grad, first);
      const at::Tensor scores = at::bmm(grad, v_.narrow(1, 0, block->keys).mT());
      for (int64_t head = 0; head < count_; ++head) {
        softmax_backward_rows(probabilities[head], scores[head], static_cast<float>(plan_.scale));
      }
      product_into(rows_of(into.q_QD, *block), scores, keys);
      add_product(sum_k.narrow(1, 0, block->keys), scores.mT(),
                  packed(rows_of(operands_.q_QD, *block)), first);
    }
    if (wide) {
      grad_k.copy_(sum_k);
      grad_v.copy_(sum_v);
    }
  }

 private:
  // Shapes: [R, D] -> [h, R, d], a view.
  at::Tensor heads_of(const at::Tensor& x_RD) const {
    return x_RD.view({x_RD.size(0), plan_.num_heads, plan_.head_dim})
        .narrow(1, head_, count_)
        .transpose(0, 1);
  }
  at::Tensor keys_of(const at::Tensor& x_PD) const {
    return heads_of(x_PD.narrow(0, sample_.key_begin, sample_.length));
  }
  at::Tensor rows_of(const at::Tensor& x_QD, const Block& block) const {
    return heads_of(x_QD.narrow(0, block.query, block.rows));
  }
  // Products of one head read its columns where they are.
  at::Tensor packed(const at::Tensor& x_HRd) const {
    return count_ == 1 ? x_HRd : x_HRd.contiguous();
  }

  at::Tensor kept_of(const Block& block) const {
    return operands_.probabilities.as_strided({count_, block.rows, block.keys},
                                              {sample_.kept_per_head, block.keys, 1},
                                              block.kept_at + head_ * sample_.kept_per_head);
  }

  // Scores are formed in float32: a bfloat16 score would carry its rounding error into the
  // exponent.
  at::Tensor probabilities_of(const Block& block, bool known) const {
    const at::Tensor queries = packed(rows_of(operands_.q_QD, block)).to(at::kFloat);
    if (!wide_k_.defined()) wide_k_ = k_.to(at::kFloat);
    const at::Tensor scores = at::bmm(queries, wide_k_.narrow(1, 0, block.keys).mT());
    at::Tensor out = scores;
    if (operands_.probabilities.defined() && !known) {
      out = kept_of(block);
    } else if (k_.scalar_type() != at::kFloat) {
      out = at::empty(scores.sizes(), k_.options());
    }
    const int64_t queries_of_head = operands_.log_sum_HQ.size(1);
    for (int64_t head = 0; head < count_; ++head) {
      float* log_sum =
          operands_.log_sum_HQ.data_ptr<float>() + (head_ + head) * queries_of_head + block.query;
      softmax_rows({scores[head], out[head], plan_.limits.data() + block.query, log_sum,
                    static_cast<float>(plan_.scale), known});
    }
    return out;
  }

  const Plan& plan_;
  const AttentionPass& operands_;
  const Sample& sample_;
  int64_t head_;   // the first
  int64_t count_;  // h
  at::Tensor k_;
  at::Tensor v_;
  mutable at::Tensor wide_k_;
};

template <class Work>
void for_each_task(const Plan& plan, const AttentionPass& operands, const Work& work) {
  parallel_for(std::ssize(plan.tasks), 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      work(Heads(plan, operands, plan.tasks[static_cast<size_t>(task)]));
    }
  });
}

// Of the size of `like`; what lies behind the samples is zero.
at::Tensor empty_up_to(int64_t end, const at::Tensor& like) {
  const at::Tensor out = at::empty(like.sizes(), like.options());
  if (end < out.size(0)) out.narrow(0, end, out.size(0) - end).zero_();
  return out;
}

struct PlanHolder : torch::CustomClassHolder {
  explicit PlanHolder(std::shared_ptr<const Plan> held) : plan(std::move(held)) {}
  std::shared_ptr<const Plan> plan;
};

class PackedAttention : public torch::autograd::Function<PackedAttention> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::shared_ptr<const Plan>& plan,
                            bool recorded) {
    AttentionPass pass{q, k, v, {}, {}};
    const at::Tensor out = attention_forward(*plan, pass, recorded);
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

AttentionPlanPtr plan_attention(const std::vector<AttentionSpan>& spans, const at::Tensor& q_QD,
                                int64_t num_heads) {
  return make_plan(spans, q_QD.size(0), q_QD.size(1), num_heads);
}

at::Tensor attention_forward(const AttentionPlan& plan, AttentionPass& pass, bool keep) {
  const util::Span span("attention");
  util::count_flop(4.0 * static_cast<double>(plan.kept * plan.head_dim));  // two products
  const at::Tensor& q = pass.q_QD;
  pass.log_sum_HQ = at::empty({plan.num_heads, q.size(0)}, q.options().dtype(at::kFloat));
  if (keep && plan.kept * q.element_size() <= kMaxKeptBytes) {
    pass.probabilities = at::empty({plan.kept}, q.options());
  }
  const at::Tensor out = empty_up_to(plan.query_end, q);
  for_each_task(plan, pass, [&](const Heads& heads) { heads.forward(out); });
  return out;
}

AttentionGradients attention_backward(const AttentionPlan& plan, const AttentionPass& pass,
                                      const at::Tensor& grad_QD) {
  const util::Span span("attention");
  util::count_flop(8.0 * static_cast<double>(plan.kept * plan.head_dim));  // four products
  const at::Tensor grad = grad_QD.contiguous();
  const AttentionGradients into{empty_up_to(plan.query_end, pass.q_QD),
                                empty_up_to(plan.key_end, pass.k_PD),
                                empty_up_to(plan.key_end, pass.v_PD)};
  for_each_task(plan, pass, [&](const Heads& heads) { heads.backward(grad, into); });
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
      return at::scaled_dot_product_attention(heads(q), heads(k_PD.narrow(0, span.key_begin, keys)),
                                              heads(v_PD.narrow(0, span.key_begin, keys)), {}, 0.0,
                                              causal)
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
  const std::shared_ptr<const Plan> plan = plan_attention(spans, q_QD, num_heads);
  const bool recorded = at::GradMode::is_enabled() &&
                        (q_QD.requires_grad() || k_PD.requires_grad() || v_PD.requires_grad());
  return PackedAttention::apply(q_QD, k_PD, v_PD, plan, recorded);
}

}  // namespace omnigen::nn
