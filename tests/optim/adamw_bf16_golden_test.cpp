#include <gtest/gtest.h>

#include <cmath>

#include "optim/adamw_bf16.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

using test::GoldenCase;

constexpr double kThreshold = 0.005;  // owed decay above it is applied

TEST(AdamWBf16Golden, RoundsWithGivenBits) {
  for (const GoldenCase& golden : test::golden_cases("optim", "adamw_bf16_parts")) {
    EXPECT_TENSOR_EQ(round_stochastically(golden["x"], golden["bits"]).to(at::kFloat),
                     golden["rounded"]);
    EXPECT_TENSOR_EQ(golden["x"].to(at::kBFloat16), golden["to_nearest"]);
  }
}

TEST(AdamWBf16Golden, SecondMomentFollowsTheReference) {
  for (const GoldenCase& golden : test::golden_cases("optim", "adamw_bf16_parts")) {
    const auto& config = golden.json.at("config");
    AdamWBf16Options options;
    options.beta2 = config.at("beta2").get<double>();
    options.eps = config.at("eps").get<double>();
    options.reference = true;
    const at::Tensor grads = golden["grad"];
    const at::Tensor zero = at::zeros_like(grads[0]);
    AdamWBf16State state{zero.clone(), zero.clone(), zero.clone(), zero.clone(),
                         at::zeros({}, at::kDouble)};
    for (int64_t step = 1; step <= grads.size(0); ++step) {
      adamw_bf16_update(state, grads[step - 1].to(at::kFloat), 0.0, step, options,
                        [&](Rounding) { return at::zeros(zero.sizes(), at::kInt); });
      EXPECT_TENSOR_EQ(state.exp_avg_sq, golden["exp_avg_sq"][step - 1]);
    }
    EXPECT_TENSOR_EQ(state.exp_avg_sq.sqrt().add_(options.eps), golden["denominator"]);
  }
}

// One tensor of the case, each step from the file's own state before it.
void run_tensor(const GoldenCase& golden, const std::string& name, const AdamWBf16Options& options,
                double rate) {
  AdamWBf16State state;
  state.parameter = golden["initial." + name];
  for (at::Tensor* tensor : {&state.exp_avg, &state.exp_avg_sq, &state.shift}) {
    *tensor = at::zeros_like(state.parameter);
  }
  const auto file_state = [&](const char* kind, int64_t step) {
    return golden[fmt::format("state.{}.{}.{}", step, kind, name)];
  };
  const at::Tensor owed = golden["accumulated_decay." + name];  // before step 1 and after each step
  const double amount = options.weight_decay * rate;
  for (int64_t step = 1; golden.has(fmt::format("param.{}.{}", step, name)); ++step) {
    SCOPED_TRACE(fmt::format("{} step {}", name, step));
    const double owed_before = owed[step - 1].item<double>();
    const bool due = owed_before + amount > kThreshold;
    const double decay = due ? owed_before + amount : 0.0;
    state.owed_decay = at::full({}, owed_before, at::kDouble);
    adamw_bf16_update(state, golden[fmt::format("grad.{}.{}", step, name)].to(at::kFloat), rate,
                      step, options, [&](Rounding rounding) {
                        const int k = static_cast<int>(rounding);
                        return golden[fmt::format("bits.{}.{}.{}", step, k, name)].to(at::kInt);
                      });
    EXPECT_NEAR(state.owed_decay.item<double>(), owed[step].item<double>(), 1e-15);
    EXPECT_TENSOR_EQ(state.exp_avg, file_state("exp_avg", step));
    EXPECT_TENSOR_EQ(state.exp_avg_sq, file_state("exp_avg_sq", step));
    const at::Tensor parameter = golden[fmt::format("param.{}.{}", step, name)];
    EXPECT_TENSOR_EQ(state.parameter, parameter);
    const at::Tensor shift = file_state("shift", step);
    const at::Tensor off = (state.shift.to(at::kDouble) - shift.to(at::kDouble)).abs();
    const at::Tensor ulp = shift.to(at::kDouble).abs() / 128.0;
    // torch's CPU kernel rounds the decay to bf16 for whole vectors only (tests/golden/README.md).
    const at::Tensor allowed =
        due ? decay * parameter.to(at::kDouble).abs() / 256.0 + ulp : at::zeros_like(ulp);
    EXPECT_TRUE((off <= allowed).all().item<bool>()) << "shift";
    state = {parameter, file_state("exp_avg", step), file_state("exp_avg_sq", step), shift,
             state.owed_decay};
  }
}

TEST(AdamWBf16Golden, EveryStepMatchesThePackageWithGivenBits) {
  for (const GoldenCase& golden : test::golden_cases("optim_more", "adamw_bf16_given_bits")) {
    SCOPED_TRACE(golden.name());
    const auto& config = golden.json.at("config");
    AdamWBf16Options options;
    options.beta1 = config.at("betas")[0].get<double>();
    options.beta2 = config.at("betas")[1].get<double>();
    options.eps = config.at("eps").get<double>();
    options.weight_decay = config.at("weight_decay").get<double>();
    options.reference = true;
    for (const std::string& name : golden.names_below("initial.")) {
      run_tensor(golden, name, options, config.at("lr").get<double>());
    }
  }
}

}  // namespace
}  // namespace omnigen::optim
