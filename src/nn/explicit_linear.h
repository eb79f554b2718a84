// A frozen linear layer with its adapter as two plain functions, for code that writes its own
// backward pass: no graph, no gradient of the frozen weight.
#pragma once

#include <torch/types.h>

#include <vector>

#include "nn/linear.h"

namespace omnigen::nn {

// An adapter that can do without a graph.
class ExplicitAdapter {
 public:
  ExplicitAdapter() = default;
  virtual ~ExplicitAdapter() = default;
  ExplicitAdapter(const ExplicitAdapter&) = delete;
  ExplicitAdapter& operator=(const ExplicitAdapter&) = delete;

  // False while the output depends on draws.
  [[nodiscard]] virtual bool is_explicit() const = 0;
  // Trained leaves, in the order of their gradients.
  [[nodiscard]] virtual std::vector<at::Tensor> leaves() const = 0;
  // Adds delta(x) to `out` in place. Returns what the backward pass needs beside x; undefined:
  // nothing.
  virtual at::Tensor add_into(const at::Tensor& out, const at::Tensor& x) const = 0;
  // Adds the gradient of x to `grad_x` in place, where that is defined. Returns the leaves'
  // gradients, undefined ones where nothing depends on the leaf.
  [[nodiscard]] virtual std::vector<at::Tensor> backward(const at::Tensor& grad_out,
                                                         const at::Tensor& x,
                                                         const at::Tensor& kept,
                                                         const at::Tensor& grad_x) const = 0;
};

// Whether the functions below apply: weight and bias are frozen and of x's dtype, the adapter is
// explicit or absent.
bool is_explicit(const Linear& linear, const at::Tensor& x);
bool has_adapter(const Linear& linear);
// Whether what is added to a row depends on that row alone: no adapter, or one that draws nothing.
bool has_fixed_adapter(const Linear& linear);
std::vector<at::Tensor> explicit_leaves(const Linear& linear);

struct LinearPass {
  at::Tensor out;
  at::Tensor kept;  // of the adapter, for explicit_backward()
};
// Shapes: x [P, in] -> [P, out].
LinearPass explicit_forward(const Linear& linear, const at::Tensor& x);

struct LinearInput {
  at::Tensor x;  // read where there is an adapter
  at::Tensor kept;
};
// Returns the leaves' gradients. `grad_x` null: not wanted; undefined: created; else added to.
std::vector<at::Tensor> explicit_backward(const Linear& linear, const LinearInput& input,
                                          const at::Tensor& grad_out, at::Tensor* grad_x);

}  // namespace omnigen::nn
