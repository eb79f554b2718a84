#include "model/random_init.h"

#include <gtest/gtest.h>

#include "model/omnigen_transformer.h"
#include "model/tiny_models.h"
#include "model/tiny_samples.h"
#include "support/tensor_near.h"

namespace omnigen::model {
namespace {

RandomWeights tiny(RandomScheme scheme, uint64_t seed = 1) {
  return RandomWeights::of_transformer(test::tiny_config(), scheme, seed);
}

double deviation(const at::Tensor& x) {
  return x.to(at::kDouble).std().item<double>();
}

TEST(RandomWeights, EveryWeightOfTheModelInItsShape) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto& [name, weight] : tiny(RandomScheme::kScratch).make_all(at::kFloat)) {
    shapes[name] = weight.sizes().vec();
  }
  EXPECT_EQ(shapes, weight_shapes(test::tiny_config()));
}

TEST(RandomWeights, AFreshTransformerPredictsZero) {
  const OmniGenTransformer transformer(test::tiny_config(),
                                       tiny(RandomScheme::kScratch).make_all(at::kFloat));
  const at::Tensor out = transformer.forward({test::image_sample("x", 8, 6, 0.5)})[0];
  EXPECT_EQ(out.abs().max().item<float>(), 0.0F);
}

TEST(RandomWeights, DistributionsOfTheOriginalTrainer) {
  TransformerConfig config = test::tiny_config();
  config.hidden_size = 256;
  config.rope_short_factor.assign(32, 1.0);
  config.rope_long_factor.assign(32, 1.0);
  const auto weights =
      RandomWeights::of_transformer(config, RandomScheme::kScratch, 1).make_all(at::kFloat);
  EXPECT_NEAR(deviation(weights.at("layers.0.self_attn.to_q.weight")), 0.02, 5e-4);
  EXPECT_NEAR(deviation(weights.at("time_token.linear_2.weight")), 0.02, 5e-4);
  EXPECT_EQ(weights.at("time_token.linear_2.bias").abs().max().item<float>(), 0.0F);
  EXPECT_EQ(weights.at("embed_tokens.weight")[config.pad_token_id].abs().max().item<float>(), 0.0F);
  EXPECT_TENSOR_EQ(weights.at("layers.1.input_layernorm.weight"), at::ones({256}));
  const at::Tensor patches = weights.at("patch_embedding.input_image_proj.weight");
  const double limit = std::sqrt(6.0 / (256 + 16));
  EXPECT_LE(patches.abs().max().item<double>(), limit);
  EXPECT_NEAR(deviation(patches), limit / std::sqrt(3.0), 0.02 * limit);
}

TEST(RandomWeights, PlausibleActivationsAreOfOrderOne) {
  const OmniGenTransformer transformer(test::tiny_config(),
                                       tiny(RandomScheme::kPlausible).make_all(at::kFloat));
  const at::Tensor out = transformer.forward({test::image_sample("x", 8, 6, 0.5)})[0];
  EXPECT_GT(deviation(out), 0.3);
  EXPECT_LT(deviation(out), 4.0);
}

TEST(RandomWeights, SeedAndNameDecide) {
  const RandomWeights weights = tiny(RandomScheme::kPlausible);
  const auto find = [&](const std::string& name) {
    for (const auto& entry : weights.entries()) {
      if (entry.name == name) return entry;
    }
    return RandomWeights::Entry{};
  };
  const auto q = find("layers.0.self_attn.to_q.weight");
  const auto k = find("layers.0.self_attn.to_k.weight");
  EXPECT_TENSOR_EQ(weights.make(q, at::kFloat), weights.make(q, at::kFloat));
  EXPECT_FALSE(at::equal(weights.make(q, at::kFloat), weights.make(k, at::kFloat)));
  EXPECT_FALSE(at::equal(weights.make(q, at::kFloat),
                         tiny(RandomScheme::kPlausible, 2).make(q, at::kFloat)));
  EXPECT_TENSOR_EQ(weights.make(q, at::kBFloat16), weights.make(q, at::kFloat).to(at::kBFloat16));
}

TEST(RandomWeights, TheTableIsThePublishedOne) {
  const auto weights = tiny(RandomScheme::kPlausible).make_all(at::kFloat);
  auto without = weights;
  without.erase(kPositionTable);
  const MicroBatch batch = {test::image_sample("x", 8, 6, 0.5)};
  EXPECT_TENSOR_EQ(OmniGenTransformer(test::tiny_config(), weights).forward(batch)[0],
                   OmniGenTransformer(test::tiny_config(), without).forward(batch)[0]);
}

TEST(RandomWeights, AnAutoencoderOfEitherSchemeRuns) {
  AutoencoderConfig config;
  config.block_out_channels = {8, 16};
  config.norm_num_groups = 4;
  for (const RandomScheme scheme : {RandomScheme::kScratch, RandomScheme::kPlausible}) {
    const Autoencoder autoencoder(
        config, RandomWeights::of_autoencoder(config, scheme, 3).make_all(at::kFloat));
    const at::Tensor image = autoencoder.decode(test::hashed_latent("z", {1, 4, 3, 5}));
    EXPECT_TRUE(at::isfinite(image).all().item<bool>());
    EXPECT_GT(deviation(image), 1e-3);
  }
}

}  // namespace
}  // namespace omnigen::model
