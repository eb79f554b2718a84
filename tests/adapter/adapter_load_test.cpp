// Saved tensors into adapters (class AdapterSet).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapter/adapter_set.h"
#include "adapter/lora_config.h"
#include "adapter/lycoris_config.h"
#include "support/omnigen_tree.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

constexpr const char* kToQ = "lycoris_layers_0_self_attn_to_q";

AdapterSet adapters_of(const Json& changes, const nn::ModuleTree& tree, uint64_t seed) {
  Json json = Json::parse(R"({"algo": "lokr", "multiplier": 1.0, "linear_dim": 10000,
      "linear_alpha": 1, "factor": 4, "apply_preset": {"target_module": ["Attention"]}})");
  json.update(changes);
  return AdapterSet(LycorisConfig::from_json(json, "test"), tree, seed);
}
Json low_rank_config(double alpha) {
  return {{"factor", 2}, {"linear_dim", 3}, {"linear_alpha", alpha}};
}

// Values as if trained: no factor is zero.
Tensors trained_tensors(const Json& changes) {
  const AdapterSet adapters = adapters_of(changes, test::omnigen_tree({}), 5);
  Tensors state = adapters.state_dict(at::kFloat);
  for (auto& [name, value] : state) {
    if (value.dim() == 2) value = value + at::linspace(0.1, 0.2, value.numel()).view(value.sizes());
  }
  return state;
}

template <class Call>
std::string call_refusal(const Call& call) {
  try {
    call();
    return "";
  } catch (const util::DataError& error) {
    return error.what();
  }
}

std::string load_refusal(const Tensors& values, const Json& changes = Json::object()) {
  AdapterSet adapters = adapters_of(changes, test::omnigen_tree({}), 0);
  return call_refusal([&] { adapters.load_state_dict(values, "checkpoint-5"); });
}

TEST(AdapterLoad, RestoresWhatWasSaved) {
  const Tensors values = trained_tensors(Json::object());
  AdapterSet adapters = adapters_of(Json::object(), test::omnigen_tree({}), 0);
  adapters.load_state_dict(values, "test");
  for (const auto& [name, value] : adapters.state_dict(at::kFloat)) {
    EXPECT_TENSOR_EQ(value, values.at(name));
  }
}

TEST(AdapterLoad, WritesIntoTheLeavesThatAreTrained) {
  AdapterSet adapters = adapters_of(Json::object(), test::omnigen_tree({}), 0);
  const at::Tensor leaf = adapters.parameters()[0].value;
  adapters.load_state_dict(trained_tensors(Json::object()), "test");
  EXPECT_TENSOR_EQ(leaf.detach(),
                   trained_tensors(Json::object()).at(adapters.parameters()[0].name));
  EXPECT_TRUE(leaf.is_leaf() && leaf.requires_grad());
}

TEST(AdapterLoad, NeedsNoAlpha) {
  Tensors values = trained_tensors(Json::object());
  std::erase_if(values, [](const auto& entry) { return entry.first.ends_with(".alpha"); });
  EXPECT_EQ(load_refusal(values), "");
}

TEST(AdapterLoad, NamesBothShapesOfAMismatch) {
  EXPECT_THAT(load_refusal(trained_tensors({{"factor", 2}})),
              AllOf(HasSubstr("checkpoint-5"), HasSubstr("lokr_w1 is 2x2"), HasSubstr("gives 4x4"),
                    HasSubstr("init_lora"), HasSubstr("[C44]")));
}

TEST(AdapterLoad, NamesMissingAndUnexpectedModulesAndTensors) {
  Tensors values = trained_tensors(Json::object());
  values["lycoris_norm_out_linear.lokr_w1"] = at::ones({4, 4});
  values.erase(std::string(kToQ) + ".lokr_w2");
  values[std::string(kToQ) + ".lokr_w2_a"] = at::ones({4, 1});
  std::erase_if(values, [](const auto& entry) {
    return entry.first.starts_with("lycoris_layers_1_self_attn_to_k.");
  });
  EXPECT_THAT(load_refusal(values),
              AllOf(HasSubstr("lokr_w2 is missing"), HasSubstr("lokr_w2_a is unexpected"),
                    HasSubstr("1 modules missing: lycoris_layers_1_self_attn_to_k"),
                    HasSubstr("1 modules unexpected: lycoris_norm_out_linear")));
}

TEST(AdapterLoad, RefusesLowRankFactorsOfAnotherAlpha) {
  EXPECT_EQ(load_refusal(trained_tensors(low_rank_config(6)), low_rank_config(6)), "");
  EXPECT_THAT(load_refusal(trained_tensors(low_rank_config(6)), low_rank_config(3)),
              AllOf(HasSubstr("alpha is 6"), HasSubstr("gives 3")));
}

TEST(AdapterInit, TakesTheModulesThatFitAndTellsOfTheOthers) {
  Tensors values = trained_tensors(Json::object());
  values[std::string(kToQ) + ".lokr_w2"] = at::ones({8, 8});
  AdapterSet adapters = adapters_of(Json::object(), test::omnigen_tree({}), 0);
  const auto fresh = adapters.state_dict(at::kFloat);
  const auto notices = adapters.init_from(values, "file");
  const auto state = adapters.state_dict(at::kFloat);
  const std::string w1 = ".lokr_w1";
  EXPECT_TENSOR_EQ(state.at(kToQ + w1), fresh.at(kToQ + w1));
  EXPECT_TENSOR_EQ(state.at("lycoris_layers_0_self_attn_to_k" + w1),
                   values.at("lycoris_layers_0_self_attn_to_k" + w1));
  ASSERT_EQ(notices.size(), 2);
  EXPECT_THAT(notices[0], HasSubstr("7 of 8 modules taken"));
  EXPECT_THAT(notices[1], AllOf(HasSubstr(kToQ), HasSubstr("lokr_w2 is 8x8")));
}

TEST(AdapterInit, KeepsTheEffectOfLowRankFactorsOfAnotherAlpha) {
  const nn::ModuleTree tree = test::omnigen_tree({});
  AdapterSet source = adapters_of(low_rank_config(6), tree, 0);
  source.load_state_dict(trained_tensors(low_rank_config(6)), "test");
  AdapterSet adapters = adapters_of(low_rank_config(1.5), tree, 1);
  adapters.init_from(trained_tensors(low_rank_config(6)), "file");
  EXPECT_TENSOR_NEAR(adapters.delta_weight(0), source.delta_weight(0), test::kLokrDelta);
}

TEST(AdapterInit, RefusesAFileOfWhichNothingFits) {
  AdapterSet adapters = adapters_of(Json::object(), test::omnigen_tree({}), 0);
  EXPECT_THAT(call_refusal([&] {
                adapters.init_from(trained_tensors({{"factor", 2}}), "file");
              }),
              AllOf(HasSubstr("init_lora"), HasSubstr("2x2"), HasSubstr("4x4")));
}

TEST(AdapterFromTensors, FindsShapesAndScalesWithoutAConfiguration) {
  const nn::ModuleTree tree = test::omnigen_tree({});
  Json both = low_rank_config(6);
  both["decompose_both"] = true;
  both["linear_dim"] = 1;
  both["factor"] = 4;
  for (const Json& changes : {Json::object(), low_rank_config(6), both}) {
    AdapterSet source = adapters_of(changes, tree, 0);
    source.load_state_dict(trained_tensors(changes), "test");
    const AdapterSet found = AdapterSet::from_tensors(trained_tensors(changes), tree, "file");
    ASSERT_EQ(found.num_modules(), source.num_modules());
    EXPECT_DOUBLE_EQ(found.entries()[0].adapter->scale(), source.entries()[0].adapter->scale());
    EXPECT_TENSOR_EQ(found.delta_weight(3), source.delta_weight(3));
  }
}

TEST(AdapterFromTensors, KnowsLoraByItsFactors) {
  const nn::ModuleTree tree = test::omnigen_tree({});
  config::AdapterConfig keys;
  keys.lora_rank = 3;
  keys.lora_alpha = 6;
  const AdapterSet source(LoraConfig::from_keys(keys), tree, 5);
  const Tensors state = source.state_dict(at::kFloat);
  const AdapterSet found = AdapterSet::from_tensors(state, tree, "file");
  ASSERT_EQ(found.num_modules(), source.num_modules());
  EXPECT_DOUBLE_EQ(found.entries()[0].adapter->scale(), 2.0);
  for (const auto& [name, value] : found.state_dict(at::kFloat)) {
    EXPECT_TENSOR_EQ(value, state.at(name));
  }
}

TEST(AdapterFromTensors, AttachesToTheModel) {
  test::SmallModel model;
  const AdapterSet found =
      AdapterSet::from_tensors(trained_tensors(Json::object()), model.tree, "file");
  EXPECT_EQ(model.layer("layers.0.self_attn.to_q").adapter, found.entries()[0].adapter);
}

TEST(AdapterFromTensors, RefusesAnAdapterOfAnotherModel) {
  const auto load = [](const Tensors& values, const test::OmniGenSizes& sizes) {
    return call_refusal(
        [&] { AdapterSet::from_tensors(values, test::omnigen_tree(sizes), "file"); });
  };
  EXPECT_THAT(load(trained_tensors(Json::object()), {.hidden = 32}),
              AllOf(HasSubstr("16x16"), HasSubstr("32x32")));
  EXPECT_THAT(load(trained_tensors(Json::object()), {.layers = 1}),
              HasSubstr("lycoris_layers_1_self_attn_to_k"));
  EXPECT_THAT(load({{"lycoris_layers_0_self_attn_to_q.hada_w1_a", at::ones({2, 2})}}, {}),
              HasSubstr("hada_w1_a"));
  EXPECT_THAT(load({}, {}), HasSubstr("no tensors"));
}

}  // namespace
}  // namespace omnigen::adapter
