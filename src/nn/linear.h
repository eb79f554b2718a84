// A linear layer with a slot for an adapter.
#pragma once

#include <torch/types.h>

#include <memory>

namespace omnigen::nn {

// What an adapter adds to a linear layer's output. Shapes: x [..., in] -> [..., out], in x's dtype.
class LinearAdapter {
 public:
  LinearAdapter() = default;
  virtual ~LinearAdapter() = default;
  LinearAdapter(const LinearAdapter&) = delete;
  LinearAdapter& operator=(const LinearAdapter&) = delete;

  // base_out + delta(x). Differentiable in x, base_out and the adapter's own parameters.
  virtual at::Tensor add_to(const at::Tensor& base_out, const at::Tensor& x) = 0;
};

// y = x · Wᵀ (+ b) (+ adapter). Shapes: weight [out, in], bias [out] or undefined.
struct Linear {
  at::Tensor weight;
  at::Tensor bias;
  std::shared_ptr<LinearAdapter> adapter;

  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;
  [[nodiscard]] int64_t in_features() const { return weight.size(1); }
  [[nodiscard]] int64_t out_features() const { return weight.size(0); }
};

}  // namespace omnigen::nn
