#include "optim/prodigy.h"

#include <algorithm>
#include <cmath>

namespace omnigen::optim {

Prodigy::Prodigy(const std::vector<Parameter>& parameters, const ProdigyOptions& options)
    : Optimizer("prodigyopt", parameters),
      options_(options),
      beta3_(options.beta3.value_or(std::sqrt(options.beta2))),
      num_steps_(at::zeros({}, at::kLong)),
      d_(options.d0),
      d_max_(options.d0),
      d_numerator_(0.0),
      d_denom_(0.0) {
  for (const at::Tensor& value : values()) {
    states_.push_back({at::zeros_like(value), at::zeros_like(value), every_nth(value).clone(),
                       at::zeros_like(every_nth(value))});
  }
}

at::Tensor Prodigy::every_nth(const at::Tensor& tensor) const {
  return tensor.flatten().slice(0, std::nullopt, std::nullopt, options_.slice_p);
}

Prodigy::Statistics Prodigy::gather(double rate) {
  const double d = d_.get();
  const double weight = d / options_.d0 * rate;
  const double s_weight = options_.safeguard_warmup ? d / options_.d0 * d : weight;
  const std::vector<at::Tensor> leaves = values();
  // Summed in double on the device, so that the host waits once.
  at::Tensor sums = at::zeros({2}, leaves.front().options().dtype(at::kDouble));
  for (size_t i = 0; i < leaves.size(); ++i) {
    at::Tensor grad = parameters()[i].grad();
    if (!options_.decouple) grad = grad.add(leaves[i], options_.weight_decay);
    State& state = states_[i];
    const at::Tensor sliced = every_nth(grad);
    sums[0].add_(at::dot(sliced, state.p0 - every_nth(leaves[i])), weight);
    state.exp_avg.mul_(options_.beta1).add_(grad, d * (1.0 - options_.beta1));
    state.exp_avg_sq.mul_(options_.beta2).addcmul_(grad, grad, d * d * (1.0 - options_.beta2));
    sums[1].add_(state.s.mul_(beta3_).add_(sliced, s_weight).abs().sum());
  }
  sums = sums.cpu();
  return {over_ranks(sums[0].item<double>()), over_ranks(sums[1].item<double>())};
}

void Prodigy::estimate(const Statistics& statistics) {
  const double numerator = d_numerator_.get() * beta3_ + statistics.numerator;
  const double estimated = options_.d_coef * numerator / statistics.denominator;
  double d = d_.get();
  if (d == options_.d0) d = std::max(d, estimated);
  d_max_.set(std::max(d_max_.get(), estimated));
  d_.set(std::min(d_max_.get(), d * options_.growth_rate));
  d_numerator_.set(numerator);
  d_denom_.set(statistics.denominator);
}

void Prodigy::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  if (states_.empty() || learning_rate == 0) return;
  const double t = static_cast<double>(num_steps_.item<int64_t>()) + 1.0;
  double rate = d_.get() * learning_rate;
  if (options_.use_bias_correction) {
    rate *= std::sqrt(1.0 - std::pow(options_.beta2, t)) / (1.0 - std::pow(options_.beta1, t));
  }
  const Statistics statistics = gather(rate);
  if (statistics.denominator == 0) return;
  estimate(statistics);
  const std::vector<at::Tensor> leaves = values();
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (options_.decouple) leaves[i].add_(leaves[i], -options_.weight_decay * rate);
    leaves[i].addcdiv_(states_[i].exp_avg,
                       states_[i].exp_avg_sq.sqrt().add_(d_.get() * options_.eps), -rate);
  }
  num_steps_ += 1;
}

NamedTensors Prodigy::state_dict() const {
  NamedTensors state = {{"step", num_steps_},
                        {"d", d_.tensor()},
                        {"d_max", d_max_.tensor()},
                        {"d_numerator", d_numerator_.tensor()},
                        {"d_denom", d_denom_.tensor()}};
  for (size_t i = 0; i < states_.size(); ++i) {
    add_state(state, parameters()[i].name,
              {{"exp_avg", states_[i].exp_avg},
               {"exp_avg_sq", states_[i].exp_avg_sq},
               {"p0", states_[i].p0},
               {"s", states_[i].s}});
  }
  return state;
}

}  // namespace omnigen::optim
