#include "nn/checkpoint_segment.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace omnigen::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

using Segment = std::function<at::Tensor(const at::Tensor&)>;

struct SegmentHolder : torch::CustomClassHolder {
  explicit SegmentHolder(Segment held) : segment(std::move(held)) {}
  Segment segment;
};

// The parameters are inputs of the node so that it is recorded even when x needs no gradient.
class CheckpointSegment : public torch::autograd::Function<CheckpointSegment> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const Segment& segment, const at::Tensor& x,
                            at::TensorList parameters) {
    ctx->saved_data["segment"] =
        c10::IValue::make_capsule(c10::make_intrusive<SegmentHolder>(segment));
    variable_list saved{x};
    saved.insert(saved.end(), parameters.begin(), parameters.end());
    ctx->save_for_backward(std::move(saved));
    return segment(x.detach());
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "checkpoint_segment: create_graph is not supported");
    const auto holder =
        c10::static_intrusive_pointer_cast<SegmentHolder>(ctx->saved_data["segment"].toCapsule());
    const variable_list saved = ctx->get_saved_variables();
    const bool x_wanted = ctx->needs_input_grad(0);
    const at::Tensor x = saved[0].detach().requires_grad_(x_wanted);
    at::Tensor y;
    {
      const at::AutoGradMode recording(true);
      y = holder->segment(x);
    }
    variable_list leaves(saved.begin() + 1, saved.end());
    if (x_wanted) leaves.insert(leaves.begin(), x);
    variable_list found = torch::autograd::grad({y}, leaves, {grads[0]}, /*retain_graph=*/false,
                                                /*create_graph=*/false, /*allow_unused=*/true);
    if (!x_wanted) found.insert(found.begin(), at::Tensor());
    found.insert(found.begin(), at::Tensor());  // the segment itself
    return found;
  }
};

}  // namespace

at::Tensor checkpoint_segment(const Segment& segment, const at::Tensor& x,
                              const std::vector<at::Tensor>& parameters) {
  if (!at::GradMode::is_enabled()) return segment(x);
  return CheckpointSegment::apply(segment, x, at::TensorList(parameters));
}

}  // namespace omnigen::nn
