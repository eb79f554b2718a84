#include "optim/adamw_bf16.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::optim {
namespace {

at::Tensor random_bits(at::IntArrayRef sizes, at::Generator& generator) {
  return at::randint(0, 1 << 16, sizes, generator, at::kInt);
}

Parameter bfloat16_parameter(const std::string& name, const at::Tensor& value) {
  Parameter parameter{name, value.clone().set_requires_grad(true)};
  parameter.value.mutable_grad() = at::zeros_like(value);
  return parameter;
}

// What weight and shift stand for.
at::Tensor true_value(const AdamWBf16& optimizer, const Parameter& parameter) {
  const auto state = optimizer.state_dict();
  return parameter.value.detach().to(at::kDouble) +
         state.at(parameter.name + ".shift").to(at::kDouble);
}

TEST(StochasticRounding, IsUnbiasedBetweenTheTwoNeighbours) {
  auto generator = at::detail::createCPUGenerator(1);
  const at::Tensor value = at::full({100000}, 1.001F);  // an eighth of the way to the next bf16
  const at::Tensor rounded = round_stochastically(value, random_bits(value.sizes(), generator));
  EXPECT_NEAR(rounded.to(at::kDouble).mean().item<double>(), 1.001, 1e-4);
  EXPECT_EQ(rounded.min().item<float>(), 1.0F);
  EXPECT_EQ(rounded.max().item<float>(), 1.0078125F);
}

TEST(StochasticRounding, LeavesBfloat16ValuesAlone) {
  auto generator = at::detail::createCPUGenerator(1);
  const at::Tensor value = at::randn({1000}, generator).to(at::kBFloat16);
  EXPECT_TENSOR_EQ(round_stochastically(value.to(at::kFloat), random_bits({1000}, generator)),
                   value);
}

// The same update in float64, nothing rounded.
struct Float64Reference {
  at::Tensor value;
  at::Tensor m;
  at::Tensor v;

  void step(const at::Tensor& grad, double rate, int64_t t, const AdamWBf16Options& options) {
    const at::Tensor g = grad.to(at::kDouble);
    m = options.beta1 * m + (1.0 - options.beta1) * g;
    v = options.beta2 * v + (1.0 - options.beta2) * g * g;
    const double c = std::sqrt(1.0 - std::pow(options.beta2, static_cast<double>(t)));
    value = value * (1.0 - rate * options.weight_decay) - rate * c * m / (v.sqrt() + options.eps);
  }
};

// Relative errors of weight + shift after `steps` updates, for weights that start at `start`.
at::Tensor errors_after(int64_t steps, const at::Tensor& start, double rate) {
  auto generator = at::detail::createCPUGenerator(11);
  const Parameter parameter = bfloat16_parameter("p", start);
  const AdamWBf16Options options;
  AdamWBf16 optimizer({parameter}, options);
  const at::Tensor wide = start.to(at::kDouble);
  Float64Reference reference{wide, at::zeros_like(wide), at::zeros_like(wide)};
  const at::Tensor drift = at::randn(start.sizes(), generator);
  for (int64_t t = 1; t <= steps; ++t) {
    const at::Tensor grad = drift + 0.5 * at::randn(start.sizes(), generator);
    parameter.value.grad().copy_(grad);
    optimizer.step(rate);
    reference.step(grad, rate, t, options);
  }
  return ((true_value(optimizer, parameter) - reference.value) / reference.value).abs();
}

TEST(AdamWBf16, HundredUpdatesFollowFloat32) {
  auto generator = at::detail::createCPUGenerator(2);
  const at::Tensor start = at::randn({4096}, generator);
  const at::Tensor errors = errors_after(100, start.sign() * (start.abs() + 0.05), 1e-4);
  EXPECT_LE(errors.max().item<double>(), 1e-2);
  EXPECT_LE(errors.mean().item<double>(), 1e-3);
}

TEST(AdamWBf16, KeepsUpdatesFarBelowAWeightsLastBit) {
  const Parameter parameter = bfloat16_parameter("p", at::ones({1000}));
  AdamWBf16 optimizer({parameter}, {.weight_decay = 0.0});
  for (int64_t t = 0; t < 200; ++t) {
    parameter.value.grad().fill_(1.0);
    optimizer.step(1e-6);  // the last bit of 1 is 4e-3
  }
  // c·m/(√v) is 1 for a constant gradient once m has filled; 200 steps less the first few.
  const double moved = 1.0 - true_value(optimizer, parameter).mean().item<double>();
  EXPECT_NEAR(moved, 1.91e-4, 2e-6);
}

TEST(AdamWBf16, TheSecondMomentDecays) {
  const Parameter parameter = bfloat16_parameter("p", at::ones({2000}));
  AdamWBf16 optimizer({parameter}, {});
  parameter.value.grad().fill_(10.0);
  optimizer.step(0.0);
  parameter.value.grad().zero_();
  for (int64_t t = 0; t < 300; ++t) optimizer.step(0.0);
  const double expected = 0.1 * std::pow(0.999, 300);
  EXPECT_NEAR(optimizer.state_dict().at("p.exp_avg_sq").to(at::kDouble).mean().item<double>(),
              expected, 0.01 * expected);
}

TEST(AdamWBf16, ReferenceModeHasTheReferencesMomentum) {
  const Parameter parameter = bfloat16_parameter("p", at::ones({1}));
  AdamWBf16 optimizer({parameter}, {.reference = true});
  parameter.value.grad().fill_(1.0);
  optimizer.step(0.0);
  EXPECT_EQ(optimizer.state_dict().at("p.exp_avg").item<double>(), 1.0);
  parameter.value.grad().zero_();
  optimizer.step(0.0);
  EXPECT_NEAR(optimizer.state_dict().at("p.exp_avg").item<double>(), 0.0898, 5e-4);
}

TEST(AdamWBf16, TheLeafHoldsABfloat16ValueAndTheShiftTheRest) {
  auto generator = at::detail::createCPUGenerator(5);
  const at::Tensor start = at::randn({500}, generator);
  const Parameter parameter = bfloat16_parameter("p", start);
  const AdamWBf16 optimizer({parameter}, {});
  const at::Tensor leaf = parameter.value.detach();
  EXPECT_EQ(leaf.scalar_type(), at::kFloat);
  EXPECT_TENSOR_EQ(leaf, leaf.to(at::kBFloat16).to(at::kFloat));
  EXPECT_LE((true_value(optimizer, parameter) - start.to(at::kDouble)).abs().max().item<double>(),
            1e-4);
}

TEST(AdamWBf16, TheShiftStaysBelowHalfAStepOfTheWeight) {
  auto generator = at::detail::createCPUGenerator(5);
  const Parameter parameter = bfloat16_parameter("p", at::randn({500}, generator));
  AdamWBf16 optimizer({parameter}, {});
  for (int64_t t = 0; t < 20; ++t) {
    parameter.value.grad().copy_(at::randn({500}, generator));
    optimizer.step(1e-2);
  }
  const at::Tensor shift = optimizer.state_dict().at("p.shift").to(at::kDouble).abs();
  const at::Tensor half_step = parameter.value.detach().to(at::kDouble).abs() / 256.0;
  EXPECT_TRUE((shift <= half_step * 1.01).all().item<bool>());
}

// Five steps of one tensor among others, with a restart after `restart` of them.
at::Tensor trained(const std::string& name, uint64_t seed, int64_t restart) {
  auto generator = at::detail::createCPUGenerator(3);
  const Parameter parameter = bfloat16_parameter(name, at::ones({64}));
  AdamWBf16Options options;
  options.seed = seed;
  auto optimizer = std::make_unique<AdamWBf16>(std::vector{parameter}, options);
  for (int64_t step = 0; step < 5; ++step) {
    if (step == restart) {
      std::map<std::string, at::Tensor> saved;
      for (const auto& [key, value] : optimizer->state_dict()) saved[key] = value.clone();
      optimizer = std::make_unique<AdamWBf16>(std::vector{parameter}, options);
      optimizer->load_state_dict(saved);
    }
    parameter.value.grad().copy_(at::randn({64}, generator));
    optimizer->step(1e-3);
  }
  return true_value(*optimizer, parameter);
}

TEST(AdamWBf16, GoesOnBitForBitAfterARestart) {
  EXPECT_TENSOR_EQ(trained("p", 1, 2), trained("p", 1, -1));
}

TEST(AdamWBf16, BitsAreKeyedBySeedAndParameter) {
  EXPECT_TENSOR_EQ(trained("p", 1, -1), trained("p", 1, -1));
  EXPECT_FALSE(at::equal(trained("p", 1, -1), trained("p", 2, -1)));
  EXPECT_FALSE(at::equal(trained("p", 1, -1), trained("q", 1, -1)));
}

TEST(AdamWBf16, RefusesStateThatDoesNotFit) {
  AdamWBf16 optimizer({bfloat16_parameter("p", at::ones({2}))}, {});
  auto state = optimizer.state_dict();
  state["p.shift"] = at::zeros({2});  // float32
  EXPECT_THROW(optimizer.load_state_dict(state), util::DataError);
}

}  // namespace
}  // namespace omnigen::optim
