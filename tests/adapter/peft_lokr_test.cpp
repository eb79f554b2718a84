#include "adapter/peft_lokr.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapter/lokr.h"
#include "adapter/lycoris_config.h"
#include "support/omnigen_tree.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

constexpr const char* kPeftToQ = "base_model.model.layers.0.self_attn.to_q.";

// Attention alone, so that all layers have one factor.
AdapterSet adapters_with(const Json& changes) {
  Json json = Json::parse(R"({"algo": "lokr", "multiplier": 1.0, "linear_dim": 10000,
      "linear_alpha": 1, "factor": 4, "apply_preset": {"target_module": ["Attention"]}})");
  json.update(changes);
  AdapterSet adapters(LycorisConfig::from_json(json, "test"), test::omnigen_tree({64, 160, 2}), 3);
  for (const auto& [name, value] : adapters.parameters()) value.detach().normal_();
  return adapters;
}

AdapterFiles saved_files(const AdapterSet& adapters) {
  return peft_lokr_files(adapters, at::kFloat, "model", {});
}

Json saved_config(const AdapterFiles& files) {
  return Json::parse(files.texts.at("adapter_config.json"));
}

std::string save_refusal(const AdapterSet& adapters) {
  try {
    static_cast<void>(saved_files(adapters));
    return "";
  } catch (const util::ConfigError& error) {
    return error.what();
  }
}

TEST(PeftLokr, FullFactorsStayAsTheyAre) {
  const AdapterSet adapters = adapters_with(Json::object());
  const AdapterFiles files = saved_files(adapters);
  EXPECT_TENSOR_EQ(files.tensors.at(std::string(kPeftToQ) + "lokr_w1"),
                   adapters.parameters()[0].value.detach());
  EXPECT_EQ(files.tensors.size(), adapters.parameters().size());
  const Json config = saved_config(files);
  EXPECT_EQ(config.at("peft_type"), "LOKR");
  EXPECT_EQ(config.at("decompose_factor"), 4);
  EXPECT_EQ(config.at("alpha"), config.at("r"));
  EXPECT_EQ(config.at("target_modules").size(), adapters.num_modules());
}

// peft scales by alpha / r, which is made 1.
TEST(PeftLokr, TheScaleIsPutIntoTheFirstFactor) {
  const AdapterSet adapters = adapters_with({{"linear_dim", 4}, {"linear_alpha", 2}});
  const AdapterFiles files = saved_files(adapters);
  const at::Tensor w1 = files.tensors.at(std::string(kPeftToQ) + "lokr_w1");
  EXPECT_TENSOR_EQ(w1, adapters.parameters()[0].value.detach() * 0.5);
  const at::Tensor w2 = at::mm(files.tensors.at(std::string(kPeftToQ) + "lokr_w2_a"),
                               files.tensors.at(std::string(kPeftToQ) + "lokr_w2_b"));
  EXPECT_TENSOR_NEAR(at::kron(w1, w2), adapters.delta_weight(0), test::kExactArithmetic);
  EXPECT_EQ(saved_config(files).at("rank_pattern").at("layers.0.self_attn.to_q"), 4);
}

TEST(PeftLokr, RefusesLayersOfDifferentFactors) {
  const Json two = Json::parse(R"({"apply_preset": {"target_module": ["Attention", "FeedForward"],
      "module_algo_map": {"Attention": {"factor": 4}, "FeedForward": {"factor": 2}}}})");
  EXPECT_THAT(save_refusal(adapters_with(two)),
              ::testing::AllOf(HasSubstr("one factor for all layers"), HasSubstr("to_q"),
                               HasSubstr("gate_up_proj")));
}

}  // namespace
}  // namespace omnigen::adapter
