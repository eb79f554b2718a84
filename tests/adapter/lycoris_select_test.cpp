// Which layers a lycoris_config.json adapts (class LycorisConfig, member select).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapter/lokr.h"
#include "adapter/lycoris_config.h"
#include "support/omnigen_tree.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

// Name and factor of every adapted layer.
using Layers = std::vector<std::pair<std::string, int64_t>>;

struct Selection {
  Layers layers;
  std::vector<std::string> notices;
  int64_t num_parameters = 0;
};

Selection select(const Json& preset, const test::OmniGenSizes& sizes = {}, int64_t factor = 4) {
  const Json json = {{"algo", "lokr"},    {"multiplier", 1.0}, {"linear_dim", 10000},
                     {"linear_alpha", 1}, {"factor", factor},  {"apply_preset", preset}};
  const nn::ModuleTree tree = test::omnigen_tree(sizes);
  Selection result;
  for (const auto& [module, options] :
       LycorisConfig::from_json(json, "test").select(tree, &result.notices)) {
    result.layers.emplace_back(module->name, options.factor);
    result.num_parameters +=
        lokr_shape(module->out_features, module->in_features, options).num_parameters();
  }
  return result;
}

Json quickstart_selection() {
  return Json::parse(R"({"target_module": ["Attention", "FeedForward"],
      "module_algo_map": {"Attention": {"factor": 16}, "FeedForward": {"factor": 8}}})");
}

TEST(LycorisSelect, TakesTheMlpForFeedForward) {
  const Selection all = select(quickstart_selection(), test::kPublishedOmniGen);
  EXPECT_EQ(all.layers.size(), 192);
  EXPECT_EQ(all.num_parameters, 42504192);
  EXPECT_THAT(all.notices,
              Contains(AllOf(HasSubstr("\"FeedForward\" matched 32 OmniGenFeedForward modules"),
                             HasSubstr("\"target_match\": \"exact\""))));
  EXPECT_THAT(all.notices, Contains("lycoris: 192 layers adapted (Attention 128, FeedForward 64), "
                                    "42504192 trained parameters"));
}

TEST(LycorisSelect, ExactMatchingLeavesTheMlpOutAndSaysSo) {
  Json preset = quickstart_selection();
  preset["target_match"] = "exact";
  const Selection exact = select(preset, test::kPublishedOmniGen);
  EXPECT_EQ(exact.layers.size(), 128);
  EXPECT_EQ(exact.num_parameters, 4751360);
  EXPECT_THAT(exact.notices,
              Contains("lycoris: target_module \"FeedForward\" matches no module of this model"));
}

TEST(LycorisSelect, KeepsTheOrderOfTheTree) {
  const Selection found = select(Json{{"target_module", {"OmniGenFeedForward", "Attention"}}},
                                 {.hidden = 16, .intermediate = 40, .layers = 1});
  EXPECT_THAT(found.layers, ElementsAre(std::pair("layers.0.self_attn.to_q", 4),
                                        std::pair("layers.0.self_attn.to_k", 4),
                                        std::pair("layers.0.self_attn.to_v", 4),
                                        std::pair("layers.0.self_attn.to_out.0", 4),
                                        std::pair("layers.0.mlp.gate_up_proj", 4),
                                        std::pair("layers.0.mlp.down_proj", 4)));
}

TEST(LycorisSelect, ANestedClassBringsItsOwnOptions) {
  const Selection found = select(Json::parse(R"({"target_module": ["OmniGenBlock"],
                      "module_algo_map": {"Attention": {"factor": 2}, "OmniGenBlock": {"factor": 8}}})"),
                                 {.hidden = 16, .intermediate = 40, .layers = 1});
  ASSERT_EQ(found.layers.size(), 6);
  EXPECT_EQ(found.layers[0].second, 2);
  EXPECT_EQ(found.layers[3].second, 2);
  EXPECT_EQ(found.layers[4].second, 8);
}

TEST(LycorisSelect, AMapAloneIsATarget) {
  const Selection found = select(Json::parse(
      R"({"target_module": [], "module_algo_map": {"TimestepEmbedding": {"factor": 2}}})"));
  EXPECT_EQ(found.layers.size(), 4);
}

TEST(LycorisSelect, WithoutTargetsAdaptsEveryLinearLayer) {
  const Selection found = select(Json::object());
  EXPECT_EQ(found.layers.size(), 4 + 2 * 6 + 2);
}

TEST(LycorisSelect, ExcludesByPathBelowAMatchedClass) {
  const Selection found = select(Json::parse(
      R"({"target_module": ["Attention"], "exclude_name": ["layers\\.0", ".*to_out"]})"));
  EXPECT_EQ(found.layers.size(), 3);
  EXPECT_EQ(found.layers[0].first, "layers.1.self_attn.to_q");
}

TEST(LycorisSelect, TheFirstMatchingPatternOfTheFileGivesTheOptions) {
  const Selection found = select(Json::parse(
      R"({"target_module": [], "name_algo_map": {"layers.*to_q": {"factor": 2},
          "layers\\.0": {"factor": 8}, "layers.1.self_attn.to_q": {"factor": 16}}})"));
  EXPECT_THAT(found.layers, Contains(std::pair("layers.0.self_attn.to_q", 2)));
  EXPECT_THAT(found.layers, Contains(std::pair("layers.0.self_attn.to_k", 8)));
  EXPECT_THAT(found.layers, Contains(std::pair("layers.1.self_attn.to_q", 16)));  // exact wins
}

TEST(LycorisSelect, ANameAloneTakesNothingBelowIt) {
  EXPECT_THROW(
      select(Json::parse(R"({"target_module": [], "target_name": ["layers\\.0\\.self_attn$"]})")),
      util::ConfigError);
}

TEST(LycorisSelect, ShellPatternsCoverTheWholePath) {
  const Selection found = select(Json::parse(
      R"({"target_module": [], "target_name": ["layers.*.to_v"], "use_fnmatch": true})"));
  EXPECT_EQ(found.layers.size(), 2);
}

TEST(LycorisSelect, AZeroDimensionOrAlphaInAMapFallsBack) {
  const Json json = Json::parse(R"({"algo": "lokr", "multiplier": 1.0, "linear_dim": 3,
      "linear_alpha": 6, "apply_preset": {"target_module": [],
      "module_algo_map": {"Attention": {"dim": 0, "alpha": 0}, "OmniGenFeedForward": {"dim": 5}}}})");
  const nn::ModuleTree tree = test::omnigen_tree({});
  const auto selected = LycorisConfig::from_json(json, "x").select(tree, nullptr);
  EXPECT_EQ(selected[0].options.linear_dim, 3);
  EXPECT_DOUBLE_EQ(selected[0].options.linear_alpha, 6.0);
  EXPECT_EQ(selected[4].options.linear_dim, 5);
}

TEST(LycorisSelect, RankStabilisingCountsInsideTheMapsOnly) {
  const Json json = Json::parse(R"({"algo": "lokr", "multiplier": 1.0, "linear_dim": 3,
      "linear_alpha": 6, "rs_lora": true, "apply_preset": {"target_module": ["Attention"],
      "module_algo_map": {"OmniGenFeedForward": {"rs_lora": true}}}})");
  const nn::ModuleTree tree = test::omnigen_tree({});
  std::vector<std::string> notices;
  const auto selected = LycorisConfig::from_json(json, "x").select(tree, &notices);
  EXPECT_FALSE(selected[0].options.rs_lora);
  EXPECT_TRUE(selected[4].options.rs_lora);
  EXPECT_THAT(notices, Contains(HasSubstr("\"rs_lora\" has no effect")));
}

TEST(LycorisSelect, SaysWhichPairReplacesAFactorThatDoesNotDivide) {
  const Selection found =
      select(Json{{"target_module", {"Attention"}}}, test::kPublishedOmniGen, 25);
  EXPECT_THAT(found.notices, Contains(AllOf(HasSubstr("factor 25 does not divide 3072"),
                                            HasSubstr("24 x 128 [C24]"))));
}

TEST(LycorisSelect, SaysThatConvolutionsGetNoAdapter) {
  const Selection found = select(Json{{"target_module", {"OmniGenPatchEmbed", "Attention"}}});
  EXPECT_THAT(found.notices, Contains(HasSubstr("2 convolutions")));
  EXPECT_THAT(select(Json{{"target_module", {"Attention"}}}).notices,
              Each(Not(HasSubstr("convolution"))));
}

TEST(LycorisSelect, RefusesAConfigurationThatAdaptsNothing) {
  try {
    select(Json{{"target_module", {"Atention"}}});
    FAIL() << "accepted";
  } catch (const util::ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("Atention"));
  }
}

}  // namespace
}  // namespace omnigen::adapter
