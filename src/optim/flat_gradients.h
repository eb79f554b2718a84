// All gradients in one flat float32 buffer: one all-reduce, one clip, one zero.
#pragma once

#include <torch/types.h>

#include <vector>

#include "optim/optimizer.h"

namespace omnigen::optim {

class FlatGradients {
 public:
  // Gives every parameter's .grad a view of the buffer; backward accumulates into it in place.
  explicit FlatGradients(const std::vector<Parameter>& parameters);

  at::Tensor& buffer() { return buffer_; }
  void zero() { buffer_.zero_(); }
  // True while every .grad still is the view given at construction.
  [[nodiscard]] bool attached() const;

 private:
  std::vector<Parameter> parameters_;
  at::Tensor buffer_;
};

}  // namespace omnigen::optim
