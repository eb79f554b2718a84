#include "optim/prodigy_plus.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace omnigen::optim {
namespace {

constexpr int64_t kSliceStep = 11;
constexpr int64_t kMinFactoredSize = 32;
constexpr double kMinRowMean = 1e-30;
constexpr double kReliableLength = 4.0;  // of RAdam's moving average

// The dimensions of a factored second moment.
struct FactoredDims {
  int64_t largest;
  int64_t second;
};

std::optional<FactoredDims> factored_dims(at::IntArrayRef sizes) {
  if (sizes.size() < 2 || *std::max_element(sizes.begin(), sizes.end()) < kMinFactoredSize) {
    return std::nullopt;
  }
  std::vector<int64_t> order(sizes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return sizes[a] < sizes[b]; });
  return FactoredDims{order[order.size() - 1], order[order.size() - 2]};
}

at::Tensor zeros_with_one(const at::Tensor& like, int64_t dim) {
  std::vector<int64_t> sizes = like.sizes().vec();
  sizes[static_cast<size_t>(dim)] = 1;
  return at::zeros(sizes, like.options());
}

at::Tensor mean_of_squares(const at::Tensor& tensor, int64_t dim) {
  return tensor.norm(2, dim, /*keepdim=*/true)
      .square_()
      .mul_(1.0 / static_cast<double>(tensor.size(dim)));
}

at::Tensor every_nth(const at::Tensor& tensor) {
  return tensor.flatten().slice(0, std::nullopt, std::nullopt, kSliceStep);
}

}  // namespace

ProdigyPlus::ProdigyPlus(const std::vector<Parameter>& parameters,
                         const ProdigyPlusOptions& options)
    : Optimizer("prodigy", parameters),
      options_(options),
      beta3_(options.beta3.value_or(std::sqrt(options.beta2))),
      num_steps_(at::zeros({}, at::kLong)),
      d_(options.d0),
      d_numerator_(0.0),
      d_denom_(0.0),
      weight_sum_(0.0) {
  for (const at::Tensor& value : values()) {
    TORCH_CHECK(value.scalar_type() == at::kFloat, "ProdigyPlus: weights of ", value.scalar_type(),
                ", float32 needed");
    State state;
    const auto dims = options_.factored ? factored_dims(value.sizes()) : std::nullopt;
    if (dims) {
      state.exp_avg_sq_row = zeros_with_one(value, dims->largest);
      state.exp_avg_sq_col = zeros_with_one(value, dims->second);
    } else {
      state.exp_avg_sq = at::zeros_like(value);
    }
    if (options_.use_schedulefree) {
      state.z = value.clone();
    } else {
      state.exp_avg = at::zeros_like(value);
    }
    state.p0 = every_nth(value).to(at::kBFloat16);
    state.s = at::zeros_like(state.p0);
    states_.push_back(std::move(state));
  }
}

bool ProdigyPlus::adapts(int64_t step) const {
  return options_.prodigy_steps <= 0 || step < options_.prodigy_steps;
}

ProdigyPlus::Factors ProdigyPlus::factors(double learning_rate, int64_t step) {
  const double d = d_.get();
  Factors factors = {d, d * learning_rate, options_.beta2, true, 0.0};
  if (options_.use_bias_correction) {
    const double power = std::pow(options_.beta2, static_cast<double>(step));
    const double longest = 2.0 / (1.0 - options_.beta2) - 1.0;
    const double length = longest - 2.0 * static_cast<double>(step) * power / (1.0 - power);
    factors.rectified = length > kReliableLength;
    factors.rate *= factors.rectified ? std::sqrt((length - 4.0) * (length - 2.0) * longest /
                                                  ((longest - 4.0) * (longest - 2.0) * length))
                                      : 0.0;
    factors.beta2 = 1.0 - (1.0 - options_.beta2) / (1.0 - power);
  }
  if (!options_.use_schedulefree) return factors;
  const double weight = factors.rate * factors.rate;
  weight_sum_.set(weight_sum_.get() + weight);
  if (weight_sum_.get() != 0) factors.share = weight / weight_sum_.get();
  if (options_.schedulefree_c > 0) {
    factors.share = std::min(1.0, factors.share * (1.0 - options_.beta1) * options_.schedulefree_c);
  }
  return factors;
}

at::Tensor ProdigyPlus::root_second_moment(State& state, const at::Tensor& grad,
                                           const Factors& factors) const {
  const double weight = (1.0 - factors.beta2) * factors.d * factors.d;
  if (state.exp_avg_sq.defined()) {
    return state.exp_avg_sq.mul_(factors.beta2).addcmul_(grad, grad, weight).sqrt();
  }
  const auto [largest, second] = *factored_dims(grad.sizes());
  at::Tensor& row = state.exp_avg_sq_row;
  at::Tensor& column = state.exp_avg_sq_col;
  row.mul_(factors.beta2).add_(mean_of_squares(grad, largest), weight);
  column.mul_(factors.beta2).add_(mean_of_squares(grad, second), weight);
  // The reference's dimension: a row has length 1 there if the matrix is tall, and cancels.
  const int64_t mean_dim = second > largest ? second - 1 : second;
  const at::Tensor mean = row.mean(mean_dim, /*keepdim=*/true).add_(kMinRowMean);
  return row.div(mean).mul(column).sqrt_();
}

at::Tensor ProdigyPlus::update_of(State& state, const at::Tensor& grad,
                                  const Factors& factors) const {
  const at::Tensor denominator =
      root_second_moment(state, grad, factors).add_(factors.d * options_.eps);
  at::Tensor update;
  if (!options_.use_schedulefree) {
    const double weight = (1.0 - options_.beta1) * factors.d;
    update = state.exp_avg.mul_(options_.beta1).add_(grad, weight).div(denominator);
  } else if (factors.rectified) {
    update = grad.mul(factors.d).div_(denominator);
  } else {
    update = grad.clone();
  }
  if (options_.use_stableadamw) {
    const at::Tensor root_mean_square =
        update.norm().div_(std::sqrt(static_cast<double>(update.numel())));
    update.mul_(root_mean_square.clamp_min_(1.0).rsqrt_());
  }
  return update;
}

void ProdigyPlus::gather(State& state, const at::Tensor& grad, const at::Tensor& position, double d,
                         Statistics& statistics) const {
  const double weight = d * d / std::sqrt(options_.d0);
  const at::Tensor sliced = every_nth(grad);
  // The sum of |s| is rounded to s's bfloat16 before it is added.
  statistics.denominator.add_(state.s.mul_(beta3_).add_(sliced, weight).abs().sum());
  statistics.numerator.add_(at::dot(sliced, state.p0 - every_nth(position)), weight);
}

void ProdigyPlus::apply(State& state, at::Tensor& value, at::Tensor& update,
                        const Factors& factors) const {
  const double decay = options_.weight_decay;
  if (!options_.use_schedulefree) {
    if (decay != 0) value.mul_(1.0 - (options_.weight_decay_by_lr ? decay * factors.rate : decay));
    value.sub_(update, factors.rate);
    return;
  }
  const double own_share = 1.0 - options_.beta1 * (1.0 - factors.share);
  const bool after = decay != 0 && !options_.weight_decay_by_lr;
  const at::Tensor decayed = after ? value * decay : at::Tensor();
  if (decay != 0 && !after) update.add_(value, decay);
  value.lerp_(state.z, factors.share);
  state.z.sub_(update, factors.rate);
  value.sub_(update, factors.rate * own_share);
  if (after) {
    state.z.sub_(decayed);
    value.sub_(decayed, own_share);
  }
}

void ProdigyPlus::estimate(const Statistics& statistics) {
  const double d = d_.get();
  const double added = over_ranks(statistics.numerator.item<double>());
  double numerator = d_numerator_.get() * beta3_;
  if (d > options_.d0 || added > 0) numerator += added;
  d_numerator_.set(numerator);
  d_denom_.set(over_ranks(statistics.denominator.item<double>()));
  if (d_denom_.get() <= 0) return;
  double estimated = numerator / d_denom_.get();
  if (options_.d_limiter) estimated = std::min(d * std::pow(2.0, 0.25), estimated);
  d_.set(std::max(d, estimated * options_.d_coef));
}

void ProdigyPlus::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  if (states_.empty()) return;
  num_steps_ += 1;
  const auto step = num_steps_.item<int64_t>();
  const Factors factors = this->factors(learning_rate, step);
  std::vector<at::Tensor> leaves = values();
  Statistics statistics = {at::zeros({}, leaves.front().options()),
                           at::zeros({}, leaves.front().options())};
  for (size_t i = 0; i < leaves.size(); ++i) {
    State& state = states_[i];
    const at::Tensor& grad = parameters()[i].grad();
    at::Tensor update = update_of(state, grad, factors);
    if (adapts(step)) {
      gather(state, grad, state.z.defined() ? state.z : leaves[i], factors.d, statistics);
    }
    apply(state, leaves[i], update, factors);
  }
  if (adapts(step)) estimate(statistics);
}

std::vector<at::Tensor> ProdigyPlus::evaluation_weights() const {
  std::vector<at::Tensor> weights;
  if (!options_.use_schedulefree) return weights;
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> leaves = values();
  for (size_t i = 0; i < leaves.size(); ++i) {
    weights.push_back(leaves[i].lerp(states_[i].z, 1.0 - 1.0 / options_.beta1));
  }
  return weights;
}

NamedTensors ProdigyPlus::state_dict() const {
  NamedTensors state = {{"step", num_steps_},
                        {"d", d_.tensor()},
                        {"d_numerator", d_numerator_.tensor()},
                        {"d_denom", d_denom_.tensor()},
                        {"weight_sum", weight_sum_.tensor()}};
  for (size_t i = 0; i < states_.size(); ++i) {
    add_state(state, parameters()[i].name,
              {{"z", states_[i].z},
               {"exp_avg", states_[i].exp_avg},
               {"exp_avg_sq", states_[i].exp_avg_sq},
               {"exp_avg_sq_row", states_[i].exp_avg_sq_row},
               {"exp_avg_sq_col", states_[i].exp_avg_sq_col},
               {"p0", states_[i].p0},
               {"s", states_[i].s}});
  }
  return state;
}

}  // namespace omnigen::optim
