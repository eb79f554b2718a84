// All gradients in one flat float32 buffer: one all-reduce, one clip, one zero.
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "optim/optimizer.h"

namespace omnigen::optim {

class FlatGradients {
 public:
  // Gives every leaf's .grad a view of the buffer; backward accumulates into it in place. A leaf
  // below float32 cannot have one: its gradients are added to the view as they come, in float32,
  // and let go.
  explicit FlatGradients(const std::vector<Parameter>& leaves);

  at::Tensor& buffer() { return buffer_; }
  // Of every leaf, in order.
  [[nodiscard]] const std::vector<at::Tensor>& views() const { return views_; }
  void zero() { buffer_.zero_(); }
  // `done(i)` is called when a backward pass has added the gradient of leaf i to the buffer, in
  // that pass's thread. Empty: nothing is called.
  void set_leaf_done(std::function<void(size_t leaf)> done) { *leaf_done_ = std::move(done); }
  // True while every float32 leaf's .grad still is the view given at construction, and no other
  // leaf has one.
  [[nodiscard]] bool attached() const;

 private:
  using LeafDone = std::function<void(size_t leaf)>;

  std::vector<Parameter> leaves_;
  std::shared_ptr<LeafDone> leaf_done_ = std::make_shared<LeafDone>();  // the leaves' hooks have it
  std::vector<at::Tensor> views_;
  at::Tensor buffer_;
};

}  // namespace omnigen::optim
