#include "model/weight_placer.h"

#include <gtest/gtest.h>

#include "model/tiny_models.h"
#include "model/tiny_samples.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::model {
namespace {

constexpr const char* kToQ = "layers.0.self_attn.to_q.weight";
constexpr const char* kPatches = "patch_embedding.output_image_proj.weight";

Placement placement_of(nn::WeightFormat format, bool on_host = false) {
  return {at::kFloat, at::kCPU, format, on_host};
}

TransformerWeights placed_weights(const Placement& placement) {
  WeightPlacer placer(test::tiny_config(), placement);
  for (const auto& [name, weight] : test::tiny_weights(test::tiny_config())) {
    if (name == kPositionTable) {
      placer.add_table(weight);
    } else {
      placer.add(name, weight);
    }
  }
  return placer.take();
}

at::Tensor placed_output(const Placement& placement) {
  const at::NoGradGuard no_grad;
  return OmniGenTransformer(test::tiny_config(), placed_weights(placement))
      .forward({test::image_sample("latent_c", 8, 6, 0.75)})[0];
}

TEST(WeightPlacer, TrainedWeightsAreLeavesWithMemoryOfTheirOwn) {
  const auto sources = test::tiny_weights(test::tiny_config());
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    Placement placement{dtype, at::kCPU};
    placement.trained = true;
    WeightPlacer placer(test::tiny_config(), placement);
    for (const auto& [name, weight] : sources) placer.add(name, weight);
    for (const auto& [name, weight] : placer.take().dense) {
      EXPECT_TRUE(weight.is_leaf() && weight.requires_grad() && weight.is_contiguous()) << name;
      EXPECT_FALSE(weight.is_alias_of(sources.at(name))) << name;
      EXPECT_TENSOR_EQ(weight.detach(), sources.at(name).to(dtype));
    }
  }
}

TEST(WeightPlacer, CompactsLinearWeightsOnly) {
  const auto weights = placed_weights(placement_of(nn::WeightFormat::kInt8Torchao));
  const auto all = test::tiny_weights(test::tiny_config());
  EXPECT_TRUE(weights.compact.contains(kToQ));
  EXPECT_TRUE(weights.compact.contains("proj_out.weight"));
  EXPECT_FALSE(weights.dense.contains(kToQ));
  for (const char* name : {"embed_tokens.weight", "norm.weight", "proj_out.bias", kPatches}) {
    EXPECT_TENSOR_EQ(weights.dense.at(name), all.at(name));
  }
}

TEST(WeightPlacer, QuantoRoundsThePatchConvolutionsAsWell) {
  const auto weights = placed_weights(placement_of(nn::WeightFormat::kInt8Quanto));
  const at::Tensor original = test::tiny_weights(test::tiny_config()).at(kPatches);
  const at::Tensor expected =
      nn::compact(original.flatten(1), nn::WeightFormat::kInt8Quanto)->dequantized();
  EXPECT_TENSOR_EQ(weights.dense.at(kPatches).flatten(1), expected);
  EXPECT_FALSE(at::equal(weights.dense.at(kPatches), original));
}

TEST(WeightPlacer, TheModelComputesNearlyTheSame) {
  const at::Tensor full = placed_output({at::kFloat, at::kCPU});
  for (const auto& [format, bound] : {std::pair{nn::WeightFormat::kInt8Quanto, 0.02},
                                      {nn::WeightFormat::kInt8Torchao, 0.02},
                                      {nn::WeightFormat::kFp8Torchao, 0.1},
                                      {nn::WeightFormat::kNf4, 0.3}}) {
    const at::Tensor difference = placed_output(placement_of(format)) - full;
    const double error = (difference.norm() / full.norm()).item<double>();
    EXPECT_LT(error, bound);
    EXPECT_GT(error, 0.0);
  }
}

TEST(WeightPlacer, TheHostGivesTheSameCodes) {
  const auto format = nn::WeightFormat::kNf4;
  EXPECT_TENSOR_EQ(placed_output(placement_of(format, true)),
                   placed_output(placement_of(format, false)));
}

TEST(WeightPlacer, NamedWeightsAreThoseThatAreMultipliedBy) {
  const OmniGenTransformer transformer(test::tiny_config(),
                                       placed_weights(placement_of(nn::WeightFormat::kNf4)));
  const auto weights = placed_weights(placement_of(nn::WeightFormat::kNf4));
  size_t compared = 0;
  for (const auto& [name, weight] : transformer.named_weights()) {
    if (!weights.compact.contains(name)) continue;
    EXPECT_TENSOR_EQ(weight, weights.compact.at(name)->dequantized());
    ++compared;
  }
  EXPECT_EQ(compared, weights.compact.size());
}

TEST(WeightBytes, AreThoseOfTheLoadedModel) {
  for (const auto& placement :
       {Placement{at::kFloat, at::kCPU}, placement_of(nn::WeightFormat::kInt8Quanto),
        placement_of(nn::WeightFormat::kFp8Torchao), placement_of(nn::WeightFormat::kNf4)}) {
    TransformerWeights weights = placed_weights(placement);
    weights.dense.erase(kPositionTable);
    int64_t bytes = 0;
    for (const auto& [name, weight] : weights.dense) bytes += static_cast<int64_t>(weight.nbytes());
    for (const auto& [name, weight] : weights.compact) bytes += weight->num_bytes();
    EXPECT_EQ(weight_bytes(test::tiny_config(), placement), bytes);
  }
}

TEST(WeightBytes, OfThePublishedModel) {
  const auto gib = [](std::optional<nn::WeightFormat> format) {
    const auto bytes =
        weight_bytes(TransformerConfig::omnigen_v1(), {at::kBFloat16, at::kCPU, format});
    return static_cast<double>(bytes) / (1 << 30);
  };
  EXPECT_NEAR(gib(std::nullopt), 7.2, 0.3);
  EXPECT_NEAR(gib(nn::WeightFormat::kInt8Quanto), 3.7, 0.2);
  EXPECT_NEAR(gib(nn::WeightFormat::kNf4), 2.1, 0.2);
}

TEST(WeightPlacer, RefusesWhatIsNoNumber) {
  WeightPlacer placer(test::tiny_config(), {at::kFloat, at::kCPU});
  EXPECT_THROW(placer.add("norm.weight", at::ones({32}, at::kLong)), util::DataError);
}

}  // namespace
}  // namespace omnigen::model
