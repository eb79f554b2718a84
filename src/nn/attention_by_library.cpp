// H heads, P key rows, Q query rows, d channels of a head; R rows and K keys of a block; h heads of
// a task.
#include "nn/attention_plan.h"
#include "nn/attention_softmax.h"
#include "nn/parallel.h"

namespace omnigen::nn {
namespace {

using Plan = AttentionPlan;
using Block = AttentionPlan::Block;
using Sample = AttentionPlan::Sample;
using Task = AttentionPlan::Task;

// bfloat16 sums of more blocks than this are kept in float32.
constexpr size_t kFewBlocks = 2;

// scores [R, K] to probabilities [R, K], both contiguous.
template <class T>
void soften(const at::Tensor& scores, const at::Tensor& probabilities, SoftmaxRows<T> rows) {
  rows.count = scores.size(0);
  rows.scores = scores.data_ptr<float>();
  rows.scores_stride = rows.stride = scores.size(1);
  rows.probabilities = probabilities.data_ptr<T>();
  softmax_rows(rows);
}

// In place of `grad` [R, K], contiguous as the probabilities.
template <class T>
void soften_backward(const at::Tensor& probabilities, const at::Tensor& grad, float scale) {
  softmax_backward_rows(SoftmaxBackwardRows<T, T>{
      grad.size(0), grad.size(1), probabilities.const_data_ptr<T>(), grad.size(1),
      grad.const_data_ptr<T>(), grad.size(1), grad.data_ptr<T>(), scale});
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
        const auto scale = static_cast<float>(plan_.scale);
        if (scores.scalar_type() == at::kFloat) {
          soften_backward<float>(probabilities[head], scores[head], scale);
        } else {
          soften_backward<at::BFloat16>(probabilities[head], scores[head], scale);
        }
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
  at::Tensor packed(const at::Tensor& x) const { return count_ == 1 ? x : x.contiguous(); }

  at::Tensor kept_of(const Block& block) const {
    return operands_.probabilities.as_strided({count_, block.rows, block.keys},
                                              {sample_.kept_per_head, block.stride, 1},
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
      const int64_t* limits = plan_.limits.data() + block.query;
      const auto scale = static_cast<float>(plan_.scale);
      if (out.scalar_type() == at::kFloat) {
        soften<float>(scores[head], out[head],
                      {.limits = limits, .log_sum = log_sum, .scale = scale, .known = known});
      } else {
        soften<at::BFloat16>(
            scores[head], out[head],
            {.limits = limits, .log_sum = log_sum, .scale = scale, .known = known});
      }
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

}  // namespace

void attention_forward_by_library(const AttentionPlan& plan, const AttentionPass& pass,
                                  const at::Tensor& out_QD) {
  for_each_task(plan, pass, [&](const Heads& heads) { heads.forward(out_QD); });
}

void attention_backward_by_library(const AttentionPlan& plan, const AttentionPass& pass,
                                   const at::Tensor& grad_QD, const AttentionGradients& into) {
  for_each_task(plan, pass, [&](const Heads& heads) { heads.backward(grad_QD, into); });
}

}  // namespace omnigen::nn
