// P key rows, Q query rows, D channels, d of a head; R rows and K keys of a block.
#include "nn/attention_plan.h"
#include "nn/attention_softmax.h"
#include "nn/gemm.h"
#include "nn/parallel.h"

namespace omnigen::nn {
namespace {

using Plan = AttentionPlan;
using Block = AttentionPlan::Block;
using Sample = AttentionPlan::Sample;
using gemm::Buffer;
using gemm::Into;
using gemm::Rows;

// The largest of a plan's tasks.
struct Extent {
  int64_t length = 0;
  int64_t rows = 0;
  int64_t stride = 0;

  explicit Extent(const Plan& plan) {
    for (const Sample& sample : plan.samples) {
      length = std::max(length, sample.length);
      for (const Block& block : sample.blocks) {
        rows = std::max(rows, block.rows);
        stride = std::max(stride, block.stride);
      }
    }
  }
};

template <class T>
struct Workspace {
  Workspace(const Plan& plan, const Extent& e, bool backward)
      : across_k(gemm::packed_words<T>(plan.head_dim, e.length)),
        across_v(gemm::packed_words<T>(plan.head_dim, backward ? e.length : 0)),
        along(gemm::packed_words<T>(e.length, plan.head_dim)),
        scores(e.rows * gemm::padded_columns(e.length)),
        probabilities(e.rows * e.stride),
        grad_scores(backward ? e.rows * e.stride : 0),
        left(gemm::packed_words<T>(e.rows, backward ? e.length : 0)),
        right(gemm::packed_words<T>(e.rows, backward ? plan.head_dim : 0)),
        sum_k(backward ? e.length * gemm::padded_columns(plan.head_dim) : 0),
        sum_v(backward ? e.length * gemm::padded_columns(plan.head_dim) : 0) {}

  Buffer<uint32_t> across_k;  // [d, K], for products with rows of the queries
  Buffer<uint32_t> across_v;
  Buffer<uint32_t> along;  // [K, d], for products with probabilities
  Buffer<float> scores;
  Buffer<T> probabilities;
  Buffer<T> grad_scores;
  Buffer<uint32_t> left;
  Buffer<uint32_t> right;
  Buffer<float> sum_k;
  Buffer<float> sum_v;
};

// One head of one sample.
template <class T>
class Head {
 public:
  Head(const Plan& plan, const AttentionPass& pass, const Plan::Task& task, Workspace<T>& workspace)
      : plan_(plan),
        pass_(pass),
        sample_(plan.samples[task.sample]),
        head_(task.head),
        d_(plan.head_dim),
        d_stride_(gemm::padded_columns(d_)),
        scores_stride_(gemm::padded_columns(sample_.length)),
        w_(workspace) {}

  void forward(const at::Tensor& out_QD) {
    const gemm::Right v = pack_along(pass_.v_PD);
    for (const Block& block : sample_.blocks) {
      const T* probabilities = probabilities_of(block, /*known=*/false);
      store_product(probabilities, v, block, out_QD);
    }
  }

  void backward(const at::Tensor& grad_QD, const AttentionGradients& into) {
    const gemm::Right across_v = pack_across(pass_.v_PD, w_.across_v);
    const gemm::Right k = pack_along(pass_.k_PD);
    // From the last block: it covers every key, so that the sums need no zero.
    for (auto block = sample_.blocks.rbegin(); block != sample_.blocks.rend(); ++block) {
      const bool first = block == sample_.blocks.rbegin();
      const T* probabilities = pass_.probabilities.defined()
                                   ? kept_of(*block)
                                   : probabilities_of(*block, /*known=*/true);
      score(at_query(grad_QD, *block), across_v, *block);
      softmax_backward_rows(SoftmaxBackwardRows<T, float>{
          block->rows, block->keys, probabilities, block->stride, w_.scores.data(), scores_stride_,
          w_.grad_scores.data(), static_cast<float>(plan_.scale)});
      store_product(w_.grad_scores.data(), k, *block, into.q_QD);
      const Into sums = first ? Into::kReplace : Into::kAdd;
      add_outer_product(w_.sum_v, *block, probabilities, at_query(grad_QD, *block), sums);
      add_outer_product(w_.sum_k, *block, w_.grad_scores.data(), at_query(pass_.q_QD, *block),
                        sums);
    }
    store(w_.sum_k, sample_.length, at_key(into.k_PD));
    store(w_.sum_v, sample_.length, at_key(into.v_PD));
  }

 private:
  [[nodiscard]] Rows<T> at_row(const at::Tensor& x, int64_t row) const {
    return {x.data_ptr<T>() + row * x.stride(0) + head_ * d_, x.stride(0)};
  }
  [[nodiscard]] Rows<T> at_query(const at::Tensor& x_QD, const Block& block) const {
    return at_row(x_QD, block.query);
  }
  [[nodiscard]] Rows<T> at_key(const at::Tensor& x_PD) const {
    return at_row(x_PD, sample_.key_begin);
  }
  static Rows<const T> read(const Rows<T>& rows) { return {rows.data, rows.stride}; }
  [[nodiscard]] gemm::Right pack_along(const at::Tensor& x_PD) const {
    return gemm::pack(read(at_key(x_PD)), sample_.length, d_, w_.along.data());
  }
  [[nodiscard]] gemm::Right pack_across(const at::Tensor& x_PD,
                                        const Buffer<uint32_t>& words) const {
    return gemm::pack_transposed(read(at_key(x_PD)), d_, sample_.length, words.data());
  }
  void store(const Buffer<float>& sums, int64_t rows, const Rows<T>& to) const {
    gemm::store<T>({sums.data(), d_stride_}, rows, d_, to, Into::kReplace);
  }
  [[nodiscard]] T* kept_of(const Block& block) const {
    return pass_.probabilities.data_ptr<T>() + block.kept_at + head_ * sample_.kept_per_head;
  }

  // scores [R, K] of rows x [R, d] with what is packed across.
  void score(const Rows<T>& x, const gemm::Right& across, const Block& block) const {
    gemm::multiply(gemm::Left<T>{x.data, x.stride}, block.rows, across.first(d_, block.keys),
                   {w_.scores.data(), scores_stride_}, Into::kReplace);
  }
  // The block's rows of `out`: weights [R, K] · what is packed along.
  void store_product(const T* weights, const gemm::Right& along, const Block& block,
                     const at::Tensor& out_QD) const {
    gemm::multiply_to(gemm::Left<T>{weights, block.stride}, block.rows, along.first(block.keys, d_),
                      {}, gemm::Output<T>{at_query(out_QD, block), Into::kReplace});
  }
  // sums [K, d] += weightsᵀ · x, over the block's rows.
  void add_outer_product(const Buffer<float>& sums, const Block& block, const T* weights,
                         const Rows<T>& x, Into into) const {
    const gemm::Left<T> left = gemm::pack_left_transposed(Rows<const T>{weights, block.stride},
                                                          block.rows, block.keys, w_.left.data());
    const gemm::Right right = gemm::pack(read(x), block.rows, d_, w_.right.data());
    gemm::multiply(left, block.keys, right, {sums.data(), d_stride_}, into);
  }

  const T* probabilities_of(const Block& block, bool known) {
    if (across_k_.words == nullptr) across_k_ = pack_across(pass_.k_PD, w_.across_k);
    score(at_query(pass_.q_QD, block), across_k_, block);
    T* out = pass_.probabilities.defined() && !known ? kept_of(block) : w_.probabilities.data();
    float* log_sum = pass_.log_sum_HQ.data_ptr<float>() + head_ * pass_.log_sum_HQ.size(1);
    softmax_rows(SoftmaxRows<T>{block.rows, w_.scores.data(), scores_stride_, out, block.stride,
                                plan_.limits.data() + block.query, log_sum + block.query,
                                static_cast<float>(plan_.scale), known});
    return out;
  }

  const Plan& plan_;
  const AttentionPass& pass_;
  const Sample& sample_;
  int64_t head_;
  int64_t d_;
  int64_t d_stride_;
  int64_t scores_stride_;
  Workspace<T>& w_;
  gemm::Right across_k_;
};

template <class T, class Work>
void for_each_task(const Plan& plan, const AttentionPass& pass, bool backward, const Work& work) {
  const Extent extent(plan);
  parallel_for(std::ssize(plan.tasks), 1, [&](int64_t begin, int64_t end) {
    Workspace<T> workspace(plan, extent, backward);
    for (int64_t task = begin; task < end; ++task) {
      work(Head<T>(plan, pass, plan.tasks[static_cast<size_t>(task)], workspace));
    }
  });
}

template <class T>
void forward(const Plan& plan, const AttentionPass& pass, const at::Tensor& out) {
  for_each_task<T>(plan, pass, /*backward=*/false, [&](Head<T> head) { head.forward(out); });
}
template <class T>
void backward(const Plan& plan, const AttentionPass& pass, const at::Tensor& grad,
              const AttentionGradients& into) {
  for_each_task<T>(plan, pass, /*backward=*/true, [&](Head<T> head) { head.backward(grad, into); });
}

}  // namespace

void attention_forward_by_gemm(const AttentionPlan& plan, const AttentionPass& pass,
                               const at::Tensor& out_QD) {
  if (out_QD.scalar_type() == at::kFloat) {
    forward<float>(plan, pass, out_QD);
  } else {
    forward<at::BFloat16>(plan, pass, out_QD);
  }
}

void attention_backward_by_gemm(const AttentionPlan& plan, const AttentionPass& pass,
                                const at::Tensor& grad_QD, const AttentionGradients& into) {
  if (grad_QD.scalar_type() == at::kFloat) {
    backward<float>(plan, pass, grad_QD, into);
  } else {
    backward<at::BFloat16>(plan, pass, grad_QD, into);
  }
}

}  // namespace omnigen::nn
