#include "optim/adamw_bf16.h"

#include <ATen/Context.h>

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "optim/adamw_bf16_rows.h"
#include "optim/average_rows.h"
#include "optim/state_tensors.h"
#include "util/seed_stream.h"

namespace omnigen::optim {
namespace {

constexpr double kDecayThreshold = 0.005;  // owed weight decay is paid once it exceeds this
constexpr int32_t kHighHalf = -65536;      // 0xFFFF0000
constexpr int kBitsPerRounding = 16;
constexpr int64_t kLowHalf = 0xFFFF;

at::Tensor wide(const at::Tensor& tensor) {
  return tensor.to(at::kFloat);
}

uint64_t key_of(uint64_t seed, const std::string& name, int64_t step) {
  return util::SeedStream(seed, "adamw_bf16", {name}, static_cast<uint64_t>(step)).next_u64();
}

double correction_of(const AdamWBf16Options& options, int64_t step) {
  return std::sqrt(1.0 - std::pow(options.beta2, static_cast<double>(step)));
}

// Four roundings' bits from one 64-bit number an element.
RoundingBits keyed_bits(uint64_t key, const at::Tensor& like) {
  at::Generator generator = at::globalContext().defaultGenerator(like.device()).clone();
  generator.set_current_seed(key);
  const at::Tensor drawn = at::empty(like.sizes(), like.options().dtype(at::kLong));
  drawn.random_(std::numeric_limits<int64_t>::lowest(), std::nullopt, generator);
  return [drawn](Rounding rounding) {
    // No mode rounds both the parameter and the second moment.
    const int slot = rounding == Rounding::kSecondMoment ? static_cast<int>(Rounding::kParameter)
                                                         : static_cast<int>(rounding);
    return drawn.bitwise_right_shift(slot * kBitsPerRounding).bitwise_and_(kLowHalf).to(at::kInt);
  };
}

void update_intended(AdamWBf16State& state, const at::Tensor& grad, double learning_rate,
                     double correction, const AdamWBf16Options& options, const RoundingBits& bits) {
  const at::Tensor first = wide(state.exp_avg).lerp_(grad, 1.0 - options.beta1);
  const at::Tensor second =
      wide(state.exp_avg_sq).mul_(options.beta2).addcmul_(grad, grad, 1.0 - options.beta2);
  state.exp_avg.copy_(round_stochastically(first, bits(Rounding::kFirstMoment)));
  state.exp_avg_sq.copy_(round_stochastically(second, bits(Rounding::kSecondMoment)));

  // `rest` is what the parameter does not hold: summed apart, so that no small part is lost.
  const at::Tensor before = wide(state.parameter);
  at::Tensor rest = wide(state.shift);
  rest.addcdiv_(first, second.sqrt().add_(options.eps), -learning_rate * correction);
  rest.sub_(before, learning_rate * options.weight_decay);
  state.parameter.copy_(before + rest);
  rest.add_(before - wide(state.parameter));
  state.shift.copy_(round_stochastically(rest, bits(Rounding::kShift)));
}

// Owed decay that is due now, 0 otherwise.
double take_decay(AdamWBf16State& state, double amount) {
  state.owed_decay += amount;
  const auto owed = state.owed_decay.item<double>();
  if (owed <= kDecayThreshold) return 0.0;
  state.owed_decay.zero_();
  return owed;
}

// Products with a scalar are taken in float32 and rounded: ATen's own bf16 kernels round the scalar
// too, but for whole vectors of elements only.
void update_as_reference(AdamWBf16State& state, const at::Tensor& grad, double learning_rate,
                         double correction, const AdamWBf16Options& options,
                         const RoundingBits& bits) {
  const double decay = take_decay(state, options.weight_decay * learning_rate);
  const at::Tensor grad_bf16 = grad.to(at::kBFloat16);
  state.exp_avg.copy_(wide(state.exp_avg).mul_(options.beta1));
  const at::Tensor first = wide(grad_bf16).add_(wide(state.exp_avg), 1.0 - options.beta1);
  state.exp_avg.copy_(round_stochastically(first, bits(Rounding::kFirstMoment)));
  state.exp_avg_sq.copy_(wide(state.exp_avg_sq).mul_(options.beta2));
  state.exp_avg_sq.addcmul_(grad_bf16, grad_bf16, 1.0 - options.beta2);

  const at::Tensor denominator = state.exp_avg_sq.sqrt();
  denominator.copy_(wide(denominator).add_(options.eps));
  const at::Tensor moved =
      wide(state.shift)
          .addcdiv_(wide(state.exp_avg), wide(denominator), -learning_rate * correction);
  state.shift.copy_(round_stochastically(moved, bits(Rounding::kShift)));

  const at::Tensor before = state.parameter.clone();
  state.parameter.copy_(round_stochastically(wide(state.shift).add_(wide(state.parameter)),
                                             bits(Rounding::kParameter)));
  const at::Tensor lost = before.sub_(state.parameter);
  state.shift.copy_(
      round_stochastically(wide(lost).add_(wide(state.shift)), bits(Rounding::kShiftAgain)));
  if (decay > 0) state.shift.copy_(wide(state.shift).sub_(wide(state.parameter), decay));
}

}  // namespace

at::Tensor round_stochastically(const at::Tensor& values, const at::Tensor& bits) {
  const at::Tensor raw = values.contiguous().view(at::kInt);
  return (raw + bits).bitwise_and_(kHighHalf).view(at::kFloat).to(at::kBFloat16);
}

void adamw_bf16_update(AdamWBf16State& state, const at::Tensor& grad, double learning_rate,
                       int64_t step, const AdamWBf16Options& options, const RoundingBits& bits) {
  const double correction = correction_of(options, step);
  const auto update = options.reference ? update_as_reference : update_intended;
  update(state, grad, learning_rate, correction, options, bits);
}

AdamWBf16::AdamWBf16(const std::vector<Parameter>& parameters, const AdamWBf16Options& options)
    : Optimizer("adamw_bf16", parameters), options_(options), num_steps_(at::zeros({}, at::kLong)) {
  const at::NoGradGuard no_grad;
  for (const Parameter& parameter : parameters) {
    at::Tensor leaf = parameter.value.detach();
    AdamWBf16State state;
    state.parameter = leaf.to(at::kBFloat16);
    state.shift = options_.reference ? at::zeros_like(state.parameter)
                                     : (leaf - wide(state.parameter)).to(at::kBFloat16);
    state.exp_avg = at::zeros_like(state.parameter);
    state.exp_avg_sq = at::zeros_like(state.parameter);
    util::SeedStream stream(options_.seed, "adamw_bf16 decay", {parameter.name});
    state.owed_decay = at::full({}, stream.uniform() * kDecayThreshold, at::kDouble);
    leaf.copy_(std::exchange(state.parameter, at::Tensor()));
    states_.push_back(std::move(state));
  }
}

void AdamWBf16::step_and_average(double learning_rate, const Averages& averages) {
  const at::NoGradGuard no_grad;
  num_steps_ += 1;
  const auto step = num_steps_.item<int64_t>();
  std::vector<AdamWBf16Rows> rows;
  for (size_t i = 0; i < states_.size(); ++i) {
    const Parameter& parameter = parameters()[i];
    const uint64_t key = key_of(options_.seed, parameter.name, step);
    const at::Tensor average = averages.values.empty() ? at::Tensor() : averages.values.at(i);
    const AdamWBf16Rows own{parameter.value.detach(),
                            parameter.grad(),
                            states_[i].exp_avg,
                            states_[i].exp_avg_sq,
                            states_[i].shift,
                            key,
                            average};
    if (!options_.reference && has_adamw_bf16_rows(own)) {
      rows.push_back(own);
    } else {
      step_by_tensor_ops(i, learning_rate, step, key);
      if (average.defined()) follow({{average}, averages.weight}, {own.value});
    }
  }
  const double rate = learning_rate * correction_of(options_, step);
  adamw_bf16_rows(rows,
                  {static_cast<float>(options_.beta1), static_cast<float>(options_.beta2),
                   static_cast<float>(options_.eps), static_cast<float>(rate),
                   static_cast<float>(learning_rate * options_.weight_decay), averages.weight});
}

void AdamWBf16::step_by_tensor_ops(size_t index, double learning_rate, int64_t step, uint64_t key) {
  AdamWBf16State& state = states_[index];
  at::Tensor leaf = parameters()[index].value.detach();
  state.parameter = leaf.to(at::kBFloat16, /*non_blocking=*/false, /*copy=*/true);
  adamw_bf16_update(state, parameters()[index].grad(), learning_rate, step, options_,
                    keyed_bits(key, leaf));
  leaf.copy_(state.parameter);
  state.parameter = at::Tensor();
}

NamedTensors AdamWBf16::state_dict() const {
  NamedTensors state = {{"step", num_steps_}};
  for (size_t i = 0; i < states_.size(); ++i) {
    add_state(state, parameters()[i].name,
              {{"exp_avg", states_[i].exp_avg},
               {"exp_avg_sq", states_[i].exp_avg_sq},
               {"shift", states_[i].shift},
               {"owed_decay", states_[i].owed_decay}});
  }
  return state;
}

}  // namespace omnigen::optim
