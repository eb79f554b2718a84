#include "optim/make_optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.h"

namespace omnigen::optim {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

config::OptimConfig config_of(const std::string& optimizer) {
  config::OptimConfig config;
  config.optimizer = optimizer;
  return config;
}

std::vector<Parameter> one_leaf() {
  Parameter parameter{"p", at::ones({1}).set_requires_grad(true)};
  parameter.value.mutable_grad() = at::ones({1});
  return {parameter};
}

// Moments after one step with gradient 1: 1 - beta1 and 1 - beta2.
std::pair<double, double> first_moments(const config::OptimConfig& config) {
  const auto parameters = one_leaf();
  const auto optimizer = make_optimizer(config, parameters, 0);
  optimizer->step(0.0);
  const auto state = optimizer->state_dict();
  return {state.at("p.exp_avg").item<double>(), state.at("p.exp_avg_sq").item<double>()};
}

std::string refusal(const config::OptimConfig& config) {
  try {
    make_optimizer(config, one_leaf(), 0);
    return "";
  } catch (const util::ConfigError& error) {
    return error.what();
  }
}

TEST(MakeOptimizer, MakesWhatIsNamed) {
  EXPECT_TRUE(
      make_optimizer(config_of("adamw_bf16"), one_leaf(), 0)->state_dict().contains("p.shift"));
  EXPECT_FALSE(
      make_optimizer(config_of("torch-adamw"), one_leaf(), 0)->state_dict().contains("p.shift"));
}

TEST(MakeOptimizer, NamesTheClosestOfAnOptimizerThatIsNotThere) {
  EXPECT_THAT(refusal(config_of("prodigy")),
              AllOf(HasSubstr("optimizer 'prodigy' is not available in omnigen-dist"),
                    HasSubstr("closest available: adamw_bf16, torch-adamw")));
}

TEST(MakeOptimizer, TakesBetasFromTheirKeys) {
  config::OptimConfig config = config_of("torch-adamw");
  config.adam_beta1 = 0.5;
  config.adam_beta2 = 0.75;
  EXPECT_NEAR(first_moments(config).first, 0.5, 1e-6);
  EXPECT_NEAR(first_moments(config).second, 0.25, 1e-6);
  config.optimizer_beta1 = 0.25;  // overrides adam_beta1
  config.optimizer_beta2 = 0.5;
  EXPECT_NEAR(first_moments(config).first, 0.75, 1e-6);
  EXPECT_NEAR(first_moments(config).second, 0.5, 1e-6);
}

TEST(MakeOptimizer, OptimizerConfigOverridesByName) {
  config::OptimConfig config = config_of("torch-adamw");
  config.optimizer_config = "beta1=0.5,beta2=0.75";
  EXPECT_NEAR(first_moments(config).first, 0.5, 1e-6);
  EXPECT_NEAR(first_moments(config).second, 0.25, 1e-6);
}

TEST(MakeOptimizer, RefusesSettingsItCannotRead) {
  config::OptimConfig config = config_of("torch-adamw");
  for (const char* text : {"beta3=0.5", "beta1", "beta1=", "beta1=fast"}) {
    config.optimizer_config = text;
    EXPECT_THAT(refusal(config), HasSubstr(text));
  }
}

TEST(MakeOptimizer, ReferenceModeIsAKey) {
  config::OptimConfig config = config_of("adamw_bf16");
  EXPECT_NEAR(first_moments(config).first, 0.1, 1e-3);
  config.adamw_bf16_mode = "reference";
  EXPECT_NEAR(first_moments(config).first, 1.0, 1e-6);
}

TEST(MakeSchedule, ScalesTheRateByTheGlobalBatch) {
  config::OptimConfig config;
  config.lr_scheduler = "constant";
  config.learning_rate = 1e-4;
  EXPECT_DOUBLE_EQ(make_schedule(config, 10, 16).at(0), 1e-4);
  config.lr_scale = true;
  EXPECT_DOUBLE_EQ(make_schedule(config, 10, 16).at(0), 16e-4);
  config.lr_scale_sqrt = true;
  EXPECT_DOUBLE_EQ(make_schedule(config, 10, 16).at(0), 4e-4);
}

}  // namespace
}  // namespace omnigen::optim
