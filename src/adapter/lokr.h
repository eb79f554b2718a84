// LoKr on one linear layer: y = base(x) + μ · scale · x · (W1 ⊗ W2)ᵀ with small trained factors.
//
// Source: LyCORIS lycoris/modules/lokr.py; arXiv:2309.14859.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "adapter/kron_linear.h"
#include "adapter/layer_adapter.h"
#include "adapter/lokr_options.h"
#include "nn/explicit_linear.h"

namespace omnigen::adapter {

// Which factors a layer gets, and their sizes: W1 [a, c], W2 [b, d], each full or a product through
// `rank`.
struct LokrShape {
  int64_t a = 0;
  int64_t b = 0;
  int64_t c = 0;
  int64_t d = 0;
  int64_t rank = 0;
  bool low_rank_w1 = false;
  bool low_rank_w2 = false;
  double scale = 1.0;
  double alpha = 0.0;  // as saved: scale · rank

  [[nodiscard]] int64_t out_features() const { return a * b; }
  [[nodiscard]] int64_t in_features() const { return c * d; }
  [[nodiscard]] bool both_full() const { return !low_rank_w1 && !low_rank_w2; }
  [[nodiscard]] int64_t num_parameters() const;
  // Names and shapes in the order of training: lokr_w1 | lokr_w1_a, lokr_w1_b, then lokr_w2 |
  // lokr_w2_a, lokr_w2_b.
  [[nodiscard]] std::vector<std::pair<std::string, std::vector<int64_t>>> factors() const;
};

LokrShape lokr_shape(int64_t out_features, int64_t in_features, const LokrOptions& options);
// The shape that saved factors have. Errors: DataError; `where` names their place.
LokrShape lokr_shape_of(const Tensors& factors, const std::string& where);

class LokrFactors : public LayerAdapter, public nn::ExplicitAdapter {
 public:
  // Fresh float32 leaves drawn from (seed, "adapter", name): delta is zero.
  LokrFactors(const LokrShape& shape, const std::string& name, uint64_t seed, at::Device device);

  // Neither W1 ⊗ W2 nor a gradient of that size is formed. base_out is overwritten where autograd
  // allows it. Computed in x's dtype; the leaves' gradients are float32.
  at::Tensor add_to(const at::Tensor& base_out, const at::Tensor& x) override;

  [[nodiscard]] bool is_explicit() const override { return true; }
  [[nodiscard]] std::vector<at::Tensor> leaves() const override;
  at::Tensor add_into(const at::Tensor& out, const at::Tensor& x) const override;
  [[nodiscard]] std::vector<at::Tensor> backward(const at::Tensor& grad_out, const at::Tensor& x,
                                                 const at::Tensor& kept,
                                                 const at::Tensor& grad_x) const override;

  [[nodiscard]] const LokrShape& shape() const { return shape_; }
  [[nodiscard]] int64_t out_features() const override { return shape_.out_features(); }
  [[nodiscard]] int64_t in_features() const override { return shape_.in_features(); }
  [[nodiscard]] double scale() const override { return shape_.scale; }
  [[nodiscard]] double alpha() const override { return shape_.alpha; }
  // Two full factors: 1 whatever alpha says.
  [[nodiscard]] double scale_of(double saved_alpha) const override;
  [[nodiscard]] at::Tensor delta_weight() const override;

 private:
  [[nodiscard]] at::Tensor w1() const;
  // Of add_kron_linear().
  [[nodiscard]] KronFactors kron_factors() const;

  LokrShape shape_;
};

}  // namespace omnigen::adapter
