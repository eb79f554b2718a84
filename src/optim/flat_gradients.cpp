#include "optim/flat_gradients.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>

namespace omnigen::optim {
namespace {

// Runs when backward has finished a leaf's gradient.
class LeafHook : public torch::autograd::PostAccumulateGradHook {
 public:
  // `sum`: what the gradient is added to in float32 and let go; undefined where it is in its place.
  LeafHook(size_t leaf, at::Tensor sum, std::shared_ptr<std::function<void(size_t)>> done)
      : leaf_(leaf), sum_(std::move(sum)), done_(std::move(done)) {}

  void operator()(const torch::autograd::Variable& leaf) override {
    if (sum_.defined()) {
      const at::NoGradGuard no_grad;
      sum_.add_(leaf.grad());
      leaf.mutable_grad().reset();
    }
    if (*done_) (*done_)(leaf_);
  }

 private:
  size_t leaf_;
  at::Tensor sum_;
  std::shared_ptr<std::function<void(size_t)>> done_;
};

}  // namespace

FlatGradients::FlatGradients(const std::vector<Parameter>& leaves) : leaves_(leaves) {
  int64_t total = 0;
  for (const Parameter& leaf : leaves_) total += leaf.value.numel();
  const at::Device device = leaves_.empty() ? at::kCPU : leaves_.front().value.device();
  buffer_ = at::zeros({total}, at::TensorOptions().dtype(at::kFloat).device(device));
  int64_t offset = 0;
  for (const Parameter& leaf : leaves_) {
    TORCH_CHECK(leaf.value.is_leaf() && leaf.value.requires_grad(), "FlatGradients: ", leaf.name,
                " is not a trained leaf");
    const int64_t count = leaf.value.numel();
    views_.push_back(buffer_.narrow(0, offset, count).view(leaf.value.sizes()));
    offset += count;
    const bool in_place = leaf.value.scalar_type() == at::kFloat;
    if (in_place) leaf.value.mutable_grad() = views_.back();
    torch::autograd::impl::set_post_acc_grad_hooks(
        leaf.value, std::make_unique<LeafHook>(
                        views_.size() - 1, in_place ? at::Tensor() : views_.back(), leaf_done_));
  }
}

bool FlatGradients::attached() const {
  for (size_t i = 0; i < leaves_.size(); ++i) {
    const at::Tensor& grad = leaves_[i].value.grad();
    const bool direct = leaves_[i].value.scalar_type() == at::kFloat;
    if (direct != grad.defined()) return false;
    if (direct && grad.const_data_ptr<float>() != views_[i].const_data_ptr<float>()) return false;
  }
  return true;
}

}  // namespace omnigen::optim
