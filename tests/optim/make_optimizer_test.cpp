#include "optim/make_optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "optim/test_parameters.h"
#include "support/golden.h"
#include "support/tensor_near.h"
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
  return {one_of(1.0, 1.0)};
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

std::vector<std::string> words_of_the_table() {
  std::vector<std::string> words;
  const config::Config config;
  config::visit_keys(config, [&](const config::Key& key, const auto&) {
    if (std::string(key.name) == "optimizer") words = key.check.words();
  });
  return words;
}

// State that only the named optimizer has.
TEST(MakeOptimizer, MakesWhatIsNamed) {
  const std::pair<const char*, const char*> states[] = {
      {"adamw_bf16", "p.shift"},    {"torch-adamw", "p.exp_avg_sq"},  {"optimi-lion", "p.exp_avg"},
      {"bnb-lion8bit", "p.state1"}, {"bnb-adamw8bit", "p.state2"},    {"prodigyopt", "d_max"},
      {"prodigy", "p.z"},           {"torch-adafactor", "p.variance"}};
  for (const auto& [name, state] : states) {
    EXPECT_TRUE(make_optimizer(config_of(name), one_leaf(), 0)->state_dict().contains(state))
        << name;
  }
}

TEST(MakeOptimizer, EightBitsAreInTheName) {
  const auto coded = [](const std::string& name) {
    const Parameter leaf = parameter_of("p", at::zeros({4096}), at::ones({4096}));
    return make_optimizer(config_of(name), {leaf}, 0)->state_dict().contains("p.absmax1");
  };
  for (const char* name :
       {"bnb-lion8bit", "bnb-lion8bit-paged", "bnb-adamw8bit", "bnb-adamw8bit-paged"}) {
    EXPECT_TRUE(coded(name)) << name;
  }
  for (const char* name : {"bnb-lion", "bnb-lion-paged"}) EXPECT_FALSE(coded(name)) << name;
}

TEST(MakeOptimizer, NamesTheClosestOfAnOptimizerThatIsNotThere) {
  EXPECT_THAT(refusal(config_of("soap")),
              AllOf(HasSubstr("optimizer 'soap' is not available in omnigen-dist"),
                    HasSubstr("closest available: adamw_bf16, torch-adamw")));
}

// Every optimizer of the table of keys, with what its own kind of state can go wrong in.
class EveryOptimizer : public ::testing::TestWithParam<std::string> {
 protected:
  // Weights after nine steps, and after `restart` of them a new optimizer with the saved state.
  [[nodiscard]] at::Tensor trained(int64_t restart) const {
    at::manual_seed(3);
    const std::vector<Parameter> parameters = {
        parameter_of("matrix", at::randn({64, 65}), at::zeros({64, 65})),
        parameter_of("zeros", at::zeros({40, 3}), at::zeros({40, 3})),
        parameter_of("vector", at::randn({7}), at::zeros({7}))};
    auto optimizer = make_optimizer(config_of(GetParam()), parameters, 1);
    for (int64_t step = 0; step < 9; ++step) {
      if (step == restart) {
        NamedTensors saved;
        for (const auto& [name, value] : optimizer->state_dict()) saved[name] = value.clone();
        optimizer = make_optimizer(config_of(GetParam()), parameters, 1);
        optimizer->load_state_dict(saved);
      }
      for (const Parameter& parameter : parameters) {
        parameter.value.mutable_grad().copy_(at::randn(parameter.value.sizes()));
      }
      optimizer->step(0.01);
    }
    std::vector<at::Tensor> flat;
    for (const Parameter& parameter : parameters)
      flat.push_back(parameter.value.detach().flatten());
    for (const at::Tensor& weights : optimizer->evaluation_weights()) {
      flat.push_back(weights.flatten());
    }
    return at::cat(flat);
  }
};

TEST_P(EveryOptimizer, GoesOnBitForBitAfterARestart) {
  EXPECT_TENSOR_EQ(trained(4), trained(-1));
}

TEST_P(EveryOptimizer, NothingToTrainIsNoError) {
  const auto optimizer = make_optimizer(config_of(GetParam()), {}, 0);
  optimizer->step(0.1);
  EXPECT_LT(optimizer->state_bytes(), 64);
}

INSTANTIATE_TEST_SUITE_P(MakeOptimizer, EveryOptimizer, ::testing::ValuesIn(words_of_the_table()),
                         [](const auto& info) { return test::test_name(info.param); });

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
  config.optimizer_config = "beta1=fast";
  EXPECT_THAT(refusal(config), HasSubstr("optimizer_config: cannot read \"beta1=fast\""));
}

TEST(MakeOptimizer, ReferenceModeIsAKey) {
  config::OptimConfig config = config_of("adamw_bf16");
  EXPECT_NEAR(first_moments(config).first, 0.1, 1e-3);
  config.adamw_bf16_mode = "reference";
  EXPECT_NEAR(first_moments(config).first, 1.0, 1e-6);
}

TEST(ClipOptions, LimitEveryOptimizerButThoseThatLimitThemselves) {
  EXPECT_EQ(clip_options(config_of("adamw_bf16")).limit, 2.0);
  EXPECT_EQ(clip_options(config_of("prodigyopt")).limit, 2.0);
  EXPECT_EQ(clip_options(config_of("prodigy")).limit, 0.0);
  EXPECT_EQ(clip_options(config_of("optimi-stableadamw")).limit, 0.0);
}

TEST(ClipOptions, MethodIsAKey) {
  config::OptimConfig config;
  EXPECT_EQ(clip_options(config).method, ClipMethod::kValue);
  config.grad_clip_method = "norm";
  EXPECT_EQ(clip_options(config).method, ClipMethod::kNorm);
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
