#include "adapter/adapter_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapter/lycoris_config.h"
#include "support/omnigen_tree.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

using Json = nlohmann::ordered_json;

LycorisConfig config_of(Json changes = Json::object()) {
  Json json = Json::parse(R"({"algo": "lokr", "multiplier": 1.0, "linear_dim": 10000,
      "linear_alpha": 1, "factor": 4, "apply_preset": {"target_module": ["Attention"]}})");
  json.update(changes);
  return LycorisConfig::from_json(json, "test");
}

void fill(const AdapterSet& adapters, double value) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, leaf] : adapters.parameters()) leaf.detach().fill_(value);
}

TEST(AdapterSet, NamesItsParametersAsTheLibrary) {
  const test::SmallModel model;
  const AdapterSet adapters(config_of(), model.tree, 0);
  const auto parameters = adapters.parameters();
  EXPECT_EQ(parameters.size(), 16);
  EXPECT_EQ(parameters[0].name, "lycoris_layers_0_self_attn_to_q.lokr_w1");
  EXPECT_EQ(parameters[1].name, "lycoris_layers_0_self_attn_to_q.lokr_w2");
  EXPECT_EQ(parameters[7].name, "lycoris_layers_0_self_attn_to_out_0.lokr_w2");
  EXPECT_EQ(adapters.num_parameters(), 8 * (4 * 4 + 4 * 4));
}

TEST(AdapterSet, TrainsFloat32Leaves) {
  const test::SmallModel model;
  for (const auto& [name, value] : AdapterSet(config_of(), model.tree, 0).parameters()) {
    EXPECT_TRUE(value.is_leaf() && value.requires_grad()) << name;
    EXPECT_EQ(value.scalar_type(), at::kFloat);
  }
}

TEST(AdapterSet, AttachesToTheLayersItAdaptsOnly) {
  test::SmallModel model;
  const AdapterSet adapters(config_of(), model.tree, 0);
  EXPECT_EQ(model.layer("layers.1.self_attn.to_k").adapter, adapters.entries()[5].adapter);
  EXPECT_EQ(model.layer("layers.1.mlp.down_proj").adapter, nullptr);
}

TEST(AdapterSet, CountsATreeOfShapesAlone) {
  const AdapterSet adapters(config_of(), test::omnigen_tree({}), 0);
  EXPECT_EQ(adapters.num_modules(), 8);
}

TEST(AdapterSet, FindsTheParametersOfOneBlock) {
  const AdapterSet adapters(config_of(), test::omnigen_tree({.hidden = 16, .layers = 12}), 0);
  const auto below = adapters.parameters_below("layers.1.");  // and not layers.10, layers.11
  EXPECT_EQ(below.size(), 8);
  EXPECT_EQ(below[0].data_ptr(), adapters.entries()[4].adapter->factors()[0].second.data_ptr());
}

TEST(AdapterSet, TakesTheMultiplierOfTheFile) {
  test::SmallModel model;
  AdapterSet adapters(config_of({{"multiplier", 0.5}}), model.tree, 0);
  fill(adapters, 1.0);
  EXPECT_DOUBLE_EQ(adapters.multiplier(), 0.5);
  nn::Linear& layer = model.layer("layers.0.self_attn.to_q");
  const at::Tensor x = at::ones({2, 16});
  const at::Tensor base = at::linear(x, layer.weight);
  EXPECT_TENSOR_NEAR(layer.forward(x), base + 8.0, test::kLokrOutput);  // 0.5 · 16 ones
  adapters.set_multiplier(0.0);
  EXPECT_TENSOR_NEAR(layer.forward(x), base, test::kLokrOutput);
}

TEST(AdapterSet, StateIsACopyInTheDtypeAskedFor) {
  const test::SmallModel model;
  const AdapterSet adapters(config_of(), model.tree, 0);
  const auto before = adapters.state_dict(at::kFloat);
  fill(adapters, 3.0);
  EXPECT_EQ(before.at("lycoris_layers_0_self_attn_to_q.lokr_w2").sum().item<float>(), 0.0F);
  const auto state = adapters.state_dict(at::kBFloat16);
  EXPECT_EQ(state.size(), 24);
  EXPECT_EQ(state.at("lycoris_layers_0_self_attn_to_q.alpha").item<float>(), 9984.0F);
  EXPECT_EQ(state.at("lycoris_layers_0_self_attn_to_q.lokr_w1").scalar_type(), at::kBFloat16);
}

TEST(AdapterSet, MergedLayersComputeWhatTheAdaptedOnesDid) {
  test::SmallModel model;
  const AdapterSet adapters(config_of({{"multiplier", 0.5}}), model.tree, 0);
  fill(adapters, 0.1);
  nn::Linear& layer = model.layer("layers.0.self_attn.to_v");
  const at::Tensor x = at::linspace(-1, 1, 32).view({2, 16});
  const at::Tensor expected = layer.forward(x).detach();
  adapters.merge_into(model.tree);
  EXPECT_EQ(layer.adapter, nullptr);
  EXPECT_TENSOR_NEAR(layer.forward(x), expected, test::kLokrOutput);
}

TEST(AdapterSet, MergesIntoBfloat16WithOneRounding) {
  test::SmallModel model;
  nn::Linear& layer = model.layer("layers.0.self_attn.to_q");
  layer.weight = at::full({16, 16}, 1.0, at::kBFloat16);
  const AdapterSet adapters(config_of(), model.tree, 0);
  fill(adapters, 0.08);  // delta 0.0064: rounded to bf16 before the sum it would give another value
  adapters.merge_into(model.tree);
  const at::Tensor expected = at::full({16, 16}, 1.0F + 0.08F * 0.08F).to(at::kBFloat16);
  EXPECT_TENSOR_EQ(layer.weight, expected);
}

TEST(AdapterSet, RefusesTwoLayersOfOneName) {
  nn::ModuleTree tree = {{"a", "Attention", 0, 0, nullptr},
                         {"a.b_c", "Linear", 4, 4, nullptr},
                         {"a.b", "ModuleList", 0, 0, nullptr},
                         {"a.b.c", "Linear", 4, 4, nullptr}};
  EXPECT_THROW(AdapterSet(config_of(), tree, 0), util::ConfigError);
}

TEST(AdapterSet, TellsWhatItAdapted) {
  const AdapterSet adapters(config_of(), test::omnigen_tree({}), 0);
  EXPECT_THAT(
      adapters.notices(),
      ::testing::Contains("lycoris: 8 layers adapted (Attention 8), 256 trained parameters"));
}

}  // namespace
}  // namespace omnigen::adapter
