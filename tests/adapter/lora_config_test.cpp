#include "adapter/lora_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/omnigen_tree.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

std::vector<std::string> planned_names(const LoraConfig& config) {
  const nn::ModuleTree tree = test::omnigen_tree({.layers = 1});
  std::vector<std::string> names;
  for (const PlannedLayer& layer : config.plan(tree, nullptr)) names.push_back(layer.module->name);
  return names;
}

Json peft_json(const Json& changes = Json::object()) {
  Json json = {
      {"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 8}, {"target_modules", {"to_q", "to_out.0"}}};
  json.update(changes);
  return json;
}

LoraConfig peft_config(const Json& changes = Json::object()) {
  return LoraConfig::from_peft(peft_json(changes), "adapter_config.json");
}

TEST(LoraConfig, AdaptsTheAttentionLayersWhereNothingIsSaid) {
  EXPECT_EQ(planned_names(LoraConfig::from_keys({})),
            (std::vector<std::string>{"layers.0.self_attn.to_q", "layers.0.self_attn.to_k",
                                      "layers.0.self_attn.to_v", "layers.0.self_attn.to_out.0"}));
}

TEST(LoraConfig, TakesTargetsAsAListOrAsWords) {
  for (const char* text : {R"(["gate_up_proj", "linear_2"])", "gate_up_proj, linear_2"}) {
    config::AdapterConfig keys;
    keys.peft_lora_target_modules = text;
    EXPECT_EQ(planned_names(LoraConfig::from_keys(keys)),
              (std::vector<std::string>{"time_token.linear_2", "t_embedder.linear_2",
                                        "layers.0.mlp.gate_up_proj"}));
  }
}

TEST(LoraConfig, AlphaIsTheRankWhereUnset) {
  config::AdapterConfig keys;
  keys.lora_rank = 8;
  EXPECT_DOUBLE_EQ(LoraConfig::from_keys(keys).scale_of("x"), 1.0);
  keys.lora_alpha = 4;
  EXPECT_DOUBLE_EQ(LoraConfig::from_keys(keys).scale_of("x"), 0.5);
  keys.use_rslora = true;
  EXPECT_DOUBLE_EQ(LoraConfig::from_keys(keys).scale_of("x"), 4.0 / std::sqrt(8.0));
}

TEST(LoraConfig, GivesItsOptionsToTheLayers) {
  config::AdapterConfig keys;
  keys.lora_rank = 2;
  keys.lora_dropout = 0.25;
  keys.lora_init_type = "gaussian";
  const nn::ModuleTree tree = test::omnigen_tree({.layers = 1});
  const auto layers = LoraConfig::from_keys(keys).plan(tree, nullptr);
  const auto made = std::dynamic_pointer_cast<LoraFactors>(layers[0].make(3, at::kCPU));
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->shape().rank, 2);
  EXPECT_DOUBLE_EQ(made->shape().dropout, 0.25);
  const LoraFactors gaussian(made->shape(), LoraInit::kGaussian, layers[0].name, 3, at::kCPU);
  EXPECT_TRUE(at::equal(made->factors()[0].second, gaussian.factors()[0].second));
}

TEST(LoraConfig, PatternsOfAFileGiveLayersTheirOwnRankAndAlpha) {
  const LoraConfig config = peft_config(
      {{"rank_pattern", {{"layers.1.self_attn.to_q", 2}}}, {"alpha_pattern", {{"to_out.0", 16}}}});
  EXPECT_EQ(config.rank_of("layers.0.self_attn.to_q"), 4);
  EXPECT_EQ(config.rank_of("layers.1.self_attn.to_q"), 2);
  EXPECT_DOUBLE_EQ(config.scale_of("layers.1.self_attn.to_q"), 4.0);
  EXPECT_DOUBLE_EQ(config.scale_of("layers.1.self_attn.to_out.0"), 4.0);
}

TEST(LoraConfig, ATextOfAFileIsARegularExpressionOfWholePaths) {
  EXPECT_EQ(planned_names(peft_config({{"target_modules", R"(.*\.to_[qk])"}})),
            (std::vector<std::string>{"layers.0.self_attn.to_q", "layers.0.self_attn.to_k"}));
  EXPECT_EQ(planned_names(peft_config({{"exclude_modules", {"to_q"}}})),
            (std::vector<std::string>{"layers.0.self_attn.to_out.0"}));
}

TEST(LoraConfig, WritesWhatItReads) {
  const Json json = peft_config({{"use_rslora", true}, {"lora_alpha", 2.5}}).to_peft();
  EXPECT_EQ(json.at("peft_type"), "LORA");
  EXPECT_EQ(json.at("r"), 4);
  EXPECT_EQ(json.at("lora_alpha"), 2.5);
  EXPECT_EQ(json.at("target_modules"), (Json{"to_q", "to_out.0"}));
  EXPECT_EQ(LoraConfig::from_peft(json, "again").to_peft(), json);
}

TEST(LoraConfig, RefusesFilesOfOtherMethods) {
  for (const Json& changes : {Json{{"peft_type", "LOHA"}}, Json{{"use_dora", true}},
                              Json{{"bias", "all"}}, Json{{"modules_to_save", {"proj_out"}}}}) {
    try {
      peft_config(changes);
      FAIL() << changes;
    } catch (const util::DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr(changes.begin().key()));
    }
  }
  EXPECT_THROW(LoraConfig::from_peft({{"peft_type", "LORA"}}, "short"), util::DataError);
}

TEST(LoraConfig, TellsWhatItsTargetsMatch) {
  config::AdapterConfig keys;
  keys.lora_rank = 2;
  keys.peft_lora_target_modules = "to_q,to_z";
  std::vector<std::string> notices;
  const nn::ModuleTree tree = test::omnigen_tree({});
  EXPECT_EQ(LoraConfig::from_keys(keys).plan(tree, &notices).size(), 2);
  EXPECT_THAT(notices, Contains("lora: target \"to_z\" matches no linear layer of this model"));
  EXPECT_THAT(notices, Contains("lora: 2 layers adapted (to_q 2), 128 trained parameters"));
}

TEST(LoraConfig, RefusesTargetsWithoutAnyLayer) {
  config::AdapterConfig keys;
  keys.peft_lora_target_modules = "qkv_proj";
  EXPECT_THROW(planned_names(LoraConfig::from_keys(keys)), util::ConfigError);
}

}  // namespace
}  // namespace omnigen::adapter
