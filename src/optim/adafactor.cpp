#include "optim/adafactor.h"

#include <algorithm>
#include <cmath>

#include "optim/state_tensors.h"

namespace omnigen::optim {
namespace {

at::Tensor root_mean_square(const at::Tensor& tensor) {
  return tensor.norm().div_(std::sqrt(static_cast<double>(tensor.numel())));
}

at::Tensor mean_of_squares(const at::Tensor& tensor, int64_t dim) {
  return tensor.norm(2, dim, /*keepdim=*/true)
      .square_()
      .div_(static_cast<double>(tensor.size(dim)));
}

}  // namespace

Adafactor::Adafactor(const std::vector<Parameter>& parameters, const AdafactorOptions& options)
    : Optimizer("torch-adafactor", parameters),
      options_(options),
      num_steps_(at::zeros({}, at::kLong)) {
  for (const at::Tensor& value : values()) {
    State state;
    if (value.dim() > 1) {
      state.row_var = at::zeros_like(value.select(-1, 0)).unsqueeze(-1);
      state.col_var = at::zeros_like(value.select(-2, 0)).unsqueeze(-2);
    } else {
      state.variance = at::zeros_like(value);
    }
    states_.push_back(std::move(state));
  }
}

at::Tensor Adafactor::update_variance(State& state, const at::Tensor& grad,
                                      double new_share) const {
  if (state.variance.defined()) return state.variance.lerp_(grad.square(), new_share).clone();
  state.row_var.lerp_(mean_of_squares(grad, -1), new_share);
  state.col_var.lerp_(mean_of_squares(grad, -2), new_share);
  return at::matmul(state.row_var, state.col_var)
      .div_(state.row_var.mean(-2, /*keepdim=*/true).clamp_min_(options_.eps1));
}

void Adafactor::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  num_steps_ += 1;
  const auto t = static_cast<double>(num_steps_.item<int64_t>());
  const double new_share = std::pow(t, options_.beta2_decay);
  const double relative_rate = std::min(learning_rate, 1.0 / std::sqrt(t));
  const std::vector<at::Tensor> leaves = values();
  for (size_t i = 0; i < leaves.size(); ++i) {
    const at::Tensor& grad = parameters()[i].grad();
    const at::Tensor rate =
        root_mean_square(leaves[i]).clamp_min_(options_.eps2).mul_(relative_rate);
    if (options_.weight_decay != 0) leaves[i].mul_(1.0 - learning_rate * options_.weight_decay);
    const at::Tensor update = update_variance(states_[i], grad, new_share)
                                  .clamp_min_(options_.eps1 * options_.eps1)
                                  .rsqrt_()
                                  .mul_(grad);
    const at::Tensor excess =
        root_mean_square(update).div_(options_.clip_threshold).clamp_min_(1.0);
    leaves[i].sub_(update.mul_(rate.div(excess)));
  }
}

NamedTensors Adafactor::state_dict() const {
  NamedTensors state = {{"step", num_steps_}};
  for (size_t i = 0; i < states_.size(); ++i) {
    add_state(state, parameters()[i].name,
              {{"row_var", states_[i].row_var},
               {"col_var", states_[i].col_var},
               {"variance", states_[i].variance}});
  }
  return state;
}

}  // namespace omnigen::optim
