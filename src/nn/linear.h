// A linear layer with a slot for an adapter.
#pragma once

#include <torch/types.h>

#include <memory>

#include "nn/frozen_weight.h"

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
  at::Tensor weight;  // undefined where `frozen` holds it in a compact format
  at::Tensor bias;
  std::shared_ptr<LinearAdapter> adapter;
  FrozenWeightPtr frozen = {};

  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;
  // The weight that is multiplied by: of a compact format, a new tensor.
  [[nodiscard]] at::Tensor dense_weight() const { return frozen ? frozen->dequantized() : weight; }
  [[nodiscard]] int64_t in_features() const {
    return frozen ? frozen->in_features() : weight.size(1);
  }
  [[nodiscard]] int64_t out_features() const {
    return frozen ? frozen->out_features() : weight.size(0);
  }
};

}  // namespace omnigen::nn
