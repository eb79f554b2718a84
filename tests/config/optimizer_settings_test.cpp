#include "config/optimizer_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "config/field.h"

namespace omnigen::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

OptimConfig with(const std::string& optimizer, const std::string& text = "") {
  OptimConfig config;
  config.optimizer = optimizer;
  config.optimizer_config = text;
  return config;
}

std::string only_problem(const OptimConfig& config) {
  const OptimizerSettings settings = optimizer_settings(config);
  EXPECT_EQ(settings.problems.size(), 1U);
  return settings.problems.empty()
             ? ""
             : settings.problems[0].first + ": " + settings.problems[0].second;
}

TEST(OptimizerSettings, EveryOptimizerOfTheTableHasSome) {
  const Config config;
  std::set<std::string> words;
  visit_keys(config, [&](const Key& key, const auto&) {
    if (std::string(key.name) == "optimizer")
      words.insert(key.check.words().begin(), key.check.words().end());
  });
  std::set<std::string> described;
  for (const auto& [optimizer, settings] : describe_optimizer_settings())
    described.insert(optimizer);
  EXPECT_EQ(described, words);
}

TEST(OptimizerSettings, DefaultsAreTheOptimizersOwn) {
  EXPECT_EQ(optimizer_settings(with("adamw_bf16")).at("eps"), 1e-6);
  EXPECT_EQ(optimizer_settings(with("torch-adamw")).at("eps"), 1e-8);
  EXPECT_EQ(optimizer_settings(with("bnb-lion8bit-paged")).at("weight_decay"), 0.0);
  EXPECT_EQ(optimizer_settings(with("optimi-stableadamw")).at("weight_decay"), 0.01);
  EXPECT_TRUE(std::isnan(optimizer_settings(with("prodigy")).at("beta3")));
  EXPECT_TRUE(optimizer_settings(with("prodigy")).is_on("use_schedulefree"));
}

TEST(OptimizerSettings, TextOverridesByName) {
  const OptimizerSettings settings = optimizer_settings(
      with("prodigy", "d_coef=2.0, use_schedulefree=False,prodigy_steps=1e2,beta3=0.5"));
  EXPECT_THAT(settings.problems, IsEmpty());
  EXPECT_EQ(settings.at("d_coef"), 2.0);
  EXPECT_FALSE(settings.is_on("use_schedulefree"));
  EXPECT_EQ(settings.at("prodigy_steps"), 100.0);
  EXPECT_EQ(settings.at("beta3"), 0.5);
  EXPECT_TRUE(std::isnan(optimizer_settings(with("prodigy", "beta3=None")).at("beta3")));
}

TEST(OptimizerSettings, TheLaterTheStronger) {
  OptimConfig config = with("bnb-adamw8bit");
  config.adam_beta1 = 0.5;
  config.adam_beta2 = 0.5;
  EXPECT_EQ(optimizer_settings(config).at("beta1"), 0.5);
  config.optimizer_beta1 = 0.6;
  EXPECT_EQ(optimizer_settings(config).at("beta1"), 0.6);
  config.optimizer_config = "beta1=0.7";
  EXPECT_EQ(optimizer_settings(config).at("beta1"), 0.7);
  EXPECT_EQ(optimizer_settings(config).at("beta2"), 0.5);
}

TEST(OptimizerSettings, NamesWhatItCannotReadAndWhatThereIs) {
  for (const char* text : {"beta3=0.5", "beta1", "beta1=", "beta1=fast", "beta1=0.9x"}) {
    EXPECT_THAT(only_problem(with("optimi-lion", text)),
                AllOf(HasSubstr(std::string("optimizer_config: cannot read \"") + text + "\""),
                      HasSubstr("optimi-lion has beta1, beta2, weight_decay")));
  }
}

TEST(OptimizerSettings, RefusesValuesOutOfRange) {
  const std::pair<const char*, const char*> rows[] = {{"prodigy", "beta2=1"},
                                                      {"prodigy", "beta1=0"},
                                                      {"prodigy", "d0=0"},
                                                      {"prodigy", "factored=2"},
                                                      {"prodigy", "eps=none"},
                                                      {"prodigyopt", "slice_p=0"},
                                                      {"prodigyopt", "growth_rate=0.5"},
                                                      {"torch-adafactor", "d=0.5"},
                                                      {"torch-adafactor", "beta2_decay=0.8"},
                                                      {"bnb-lion8bit", "min_8bit_size=1.5"},
                                                      {"optimi-lion", "weight_decay=-1"}};
  for (const auto& [optimizer, text] : rows) {
    EXPECT_THAT(only_problem(with(optimizer, text)),
                HasSubstr(std::string("\"") + text + "\" must be "));
  }
  OptimConfig config = with("torch-adamw");
  config.optimizer_beta1 = 1.0;
  EXPECT_THAT(only_problem(config),
              HasSubstr("optimizer_beta1: \"1\" must be at least 0 and below 1"));
}

TEST(OptimizerSettings, AdamKeysBelongToTheAdamWFamily) {
  OptimConfig config = with("optimi-lion");
  config.adam_weight_decay = 0.1;
  const OptimizerSettings settings = optimizer_settings(config);
  EXPECT_EQ(settings.at("weight_decay"), 0.0);
  EXPECT_THAT(settings.without_effect,
              ElementsAre(Pair("adam_weight_decay", HasSubstr("has no effect with optimi-lion"))));
}

TEST(OptimizerSettings, BetasOfAnOptimizerWithoutAny) {
  OptimConfig config = with("torch-adafactor");
  config.optimizer_beta1 = 0.9;
  EXPECT_THAT(only_problem(config), HasSubstr("optimizer_beta1: torch-adafactor has no beta1"));
}

TEST(OptimizerSettings, OptionsThatCannotMatterAreNamed) {
  const OptimizerSettings settings = optimizer_settings(with("prodigy", "split_groups=false"));
  EXPECT_THAT(settings.problems, IsEmpty());
  EXPECT_THAT(settings.without_effect,
              ElementsAre(Pair("optimizer_config", "split_groups cannot matter here")));
}

}  // namespace
}  // namespace omnigen::config
