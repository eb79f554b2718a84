#include "model/omnigen_transformer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "model/packed_layout.h"
#include "model/tiny_models.h"
#include "model/tiny_samples.h"
#include "nn/linear.h"
#include "support/tensor_near.h"

namespace omnigen::model {
namespace {

using test::image_sample;
using test::text_sample;
using test::tiny_config;
using test::tiny_weights;

OmniGenTransformer tiny_transformer() {
  return {tiny_config(), tiny_weights(tiny_config())};
}

struct Published {
  double sum;
  double squares;
  std::vector<double> first;
  std::vector<double> last;
};

void expect_published(const at::Tensor& output, const Published& expected) {
  const at::Tensor flat = output.detach().flatten().to(at::kDouble);
  const int64_t count = flat.size(0);
  EXPECT_NEAR(flat.sum().item<double>(), expected.sum, 2e-4);
  EXPECT_NEAR(flat.square().sum().item<double>(), expected.squares, 5e-4);
  for (size_t i = 0; i < expected.first.size(); ++i) {
    EXPECT_NEAR(flat[static_cast<int64_t>(i)].item<double>(), expected.first[i], 2e-5);
  }
  const auto tail = static_cast<int64_t>(expected.last.size());
  for (int64_t i = 0; i < tail; ++i) {
    EXPECT_NEAR(flat[count - tail + i].item<double>(), expected.last[static_cast<size_t>(i)], 2e-5);
  }
}

// model.md A.3.
TEST(OmniGenTransformer, PublishedValuesOfTextOnly) {
  expect_published(tiny_transformer().forward({text_sample("latent_a", 6, 4, 0.3)})[0],
                   {11.80928,
                    114.53421,
                    {0.62187, -0.93629, 1.0329, 0.1277, 0.08102, -0.78433, -1.16033, -0.48854},
                    {1.15295, 0.5856, 1.53952, -1.31416}});
}

TEST(OmniGenTransformer, PublishedValuesAtTheLastShortLength) {
  expect_published(tiny_transformer().forward({image_sample("latent_a", 6, 4, 0.3)})[0],
                   {4.89872,
                    115.42398,
                    {0.59123, -1.16695, 1.10111, -0.48681, -0.14115, -0.40329, -1.41947, -0.60997},
                    {0.74923, 0.41529, 0.71304, -1.3837}});
}

TEST(OmniGenTransformer, PublishedValuesOnTheLongList) {
  expect_published(tiny_transformer().forward({image_sample("latent_c", 8, 6, 0.75)})[0],
                   {21.01331,
                    204.03478,
                    {0.37637, 1.51442, 0.57928, 0.3888, 0.66185, -0.10967, 1.10942, 1.65137},
                    {-0.21872, 0.9825, 1.5059, -0.94036}});
}

MicroBatch mixed_batch() {
  return {image_sample("latent_c", 8, 6, 0.75), text_sample("latent_a", 6, 4, 0.3),
          image_sample("latent_a", 4, 16, 0.9), text_sample("latent_b", 2, 2, 1.0)};
}

TEST(OmniGenTransformer, ResultsDoNotDependOnTheNeighbours) {
  const OmniGenTransformer transformer = tiny_transformer();
  const MicroBatch batch = mixed_batch();
  const auto packed = transformer.forward(batch);
  for (size_t i = 0; i < batch.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_TENSOR_NEAR(packed[i], transformer.forward({batch[i]})[0], test::kExactArithmetic);
  }
}

TEST(OmniGenTransformer, GradientsDoNotDependOnTheNeighbours) {
  const OmniGenTransformer transformer = tiny_transformer();
  MicroBatch batch = mixed_batch();
  std::vector<at::Tensor> leaves;
  for (PackedSample& sample : batch) leaves.push_back(sample.latent_CHW.requires_grad_());
  const auto loss_of = [](const at::Tensor& output) { return output.square().mean(); };
  at::Tensor total = at::zeros({});
  for (const at::Tensor& output : transformer.forward(batch)) total = total + loss_of(output);
  const auto packed = torch::autograd::grad({total}, leaves);
  for (size_t i = 0; i < batch.size(); ++i) {
    SCOPED_TRACE(i);
    const auto alone =
        torch::autograd::grad({loss_of(transformer.forward({batch[i]})[0])}, {leaves[i]});
    EXPECT_TENSOR_NEAR(packed[i], alone[0], test::kTransformerGradient);
  }
}

TEST(OmniGenTransformer, TheListSwitchesAboveTheOriginalLength) {
  OmniGenTransformer transformer = tiny_transformer();
  at::Tensor cos;
  transformer.set_stage_observer([&](const std::string& name, const at::Tensor& value) {
    if (name == "rope_cos") cos = value;
  });
  PackedSample sample = text_sample("latent_a", 6, 4, 0.3);
  sample.input_ids.assign(9, 3);  // 9 + 1 + 6 = 16 positions
  static_cast<void>(transformer.forward({sample}));
  const at::Tensor at_limit = cos[1].clone();
  sample.input_ids.push_back(3);
  static_cast<void>(transformer.forward({sample, text_sample("latent_a", 6, 4, 0.3)}));
  EXPECT_FALSE(at::equal(cos[1], at_limit));
  EXPECT_TENSOR_EQ(cos[17 + 1], at_limit);  // the second sample keeps the short list
}

// Weights of the blocks, trained.
std::map<std::string, at::Tensor> trained_blocks() {
  auto weights = tiny_weights(tiny_config());
  for (auto& [name, weight] : weights) {
    if (name.starts_with("layers.")) weight = weight.clone().requires_grad_();
  }
  return weights;
}

std::map<std::string, at::Tensor> block_gradients(Recompute recompute) {
  auto weights = trained_blocks();
  OmniGenTransformer transformer(tiny_config(), weights);
  transformer.set_recompute({recompute, recompute}, [&](int64_t block) {
    std::vector<at::Tensor> leaves;
    for (const auto& [name, weight] : weights) {
      if (name.starts_with(fmt::format("layers.{}.", block))) leaves.push_back(weight);
    }
    return leaves;
  });
  at::Tensor total = at::zeros({});
  for (const at::Tensor& output : transformer.forward(mixed_batch())) {
    total = total + output.square().mean();
  }
  total.backward();
  std::map<std::string, at::Tensor> grads;
  for (const auto& [name, weight] : weights) {
    if (weight.requires_grad()) grads[name] = weight.grad();
  }
  return grads;
}

// The input of the first block is frozen in both.
TEST(OmniGenTransformer, CheckpointingMayLeaveBlocksOut) {
  auto weights = trained_blocks();
  OmniGenTransformer transformer(tiny_config(), weights);
  std::vector<int64_t> recomputed;
  const auto note = [&](int64_t block) {
    recomputed.push_back(block);
    return std::vector<at::Tensor>{weights.begin()->second};
  };
  transformer.set_recompute({Recompute::kFull, Recompute::kFull}, note);
  static_cast<void>(transformer.forward(mixed_batch()));
  EXPECT_EQ(recomputed, (std::vector<int64_t>{0, 1}));
  recomputed.clear();
  transformer.set_recompute({Recompute::kFull}, note);
  static_cast<void>(transformer.forward(mixed_batch()));
  EXPECT_EQ(recomputed, (std::vector<int64_t>{0}));
}

// 516 tokens are rounded up to 520 rows; with an observer they are not.
TEST(OmniGenTransformer, RowsBehindTheSamplesChangeNothing) {
  const MicroBatch batch(43, text_sample("latent_a", 6, 4, 0.3));
  OmniGenTransformer rounded = tiny_transformer();
  OmniGenTransformer exact = tiny_transformer();
  int64_t rows = 0;
  exact.set_stage_observer([&](const std::string& name, const at::Tensor& value) {
    if (name == "sequence") rows = value.size(0);
  });
  const auto expected = exact.forward(batch);
  ASSERT_NE(rounded_rows(rows), rows);
  const auto actual = rounded.forward(batch);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TENSOR_NEAR(actual[i], expected[i], test::kKernel);
  }
}

TEST(OmniGenTransformer, RunsItsFirstBlocksAlone) {
  const TransformerConfig two = tiny_config();
  TransformerConfig one = two;
  one.num_layers = 1;
  const OmniGenTransformer whole(two, tiny_weights(two));
  const OmniGenTransformer part(one, tiny_weights(two));
  const auto expected = part.forward(mixed_batch());
  const auto actual = whole.forward(mixed_batch(), 1);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_TENSOR_EQ(actual[i], expected[i]);
  EXPECT_FALSE(at::equal(whole.forward(mixed_batch())[0], actual[0]));
}

TEST(OmniGenTransformer, CheckpointingGivesTheSameGradientsToTheLastBit) {
  const auto plain = block_gradients(Recompute::kNone);
  const auto recomputed = block_gradients(Recompute::kFull);
  EXPECT_EQ(plain.size(), 16U);
  for (const auto& [name, grad] : plain) {
    SCOPED_TRACE(name);
    EXPECT_TENSOR_EQ(recomputed.at(name), grad);
    EXPECT_GT(grad.abs().max().item<float>(), 0.0F);
  }
}

TEST(OmniGenTransformer, SkippingTheLastTextRowsChangesNothing) {
  OmniGenTransformer transformer = tiny_transformer();
  const auto skipped = transformer.forward(mixed_batch());
  transformer.set_stage_observer([](const std::string&, const at::Tensor&) {});
  const auto complete = transformer.forward(mixed_batch());
  for (size_t i = 0; i < skipped.size(); ++i) {
    EXPECT_TENSOR_NEAR(skipped[i], complete[i], test::kExactArithmetic);
  }
}

TEST(OmniGenTransformer, FrozenWeightsGetNoGradient) {
  auto weights = tiny_weights(tiny_config());
  OmniGenTransformer transformer(tiny_config(), weights);
  PackedSample sample = image_sample("latent_c", 8, 6, 0.75);
  sample.latent_CHW.requires_grad_();
  transformer.forward({sample})[0].sum().backward();
  for (const auto& [name, weight] : weights) EXPECT_FALSE(weight.grad().defined()) << name;
}

TEST(OmniGenTransformer, NothingIsRecordedWhenEverythingIsFrozen) {
  EXPECT_FALSE(tiny_transformer().forward({text_sample("latent_a", 6, 4, 0.3)})[0].requires_grad());
}

TEST(OmniGenTransformer, ModuleTreePointsIntoTheModel) {
  OmniGenTransformer transformer = tiny_transformer();
  const nn::ModuleTree from_shapes = module_tree(tiny_config());
  const nn::ModuleTree tree = transformer.module_tree();
  ASSERT_EQ(tree.size(), from_shapes.size());
  for (size_t i = 0; i < tree.size(); ++i) {
    EXPECT_EQ(tree[i].name, from_shapes[i].name);
    EXPECT_EQ(tree[i].class_name, from_shapes[i].class_name);
    ASSERT_EQ(tree[i].linear != nullptr, tree[i].is_linear()) << tree[i].name;
    if (!tree[i].is_linear()) continue;
    EXPECT_EQ(tree[i].linear->out_features(), from_shapes[i].out_features) << tree[i].name;
    EXPECT_EQ(tree[i].linear->in_features(), from_shapes[i].in_features) << tree[i].name;
  }
}

TEST(OmniGenTransformer, AMergedWeightIsSeenByName) {
  OmniGenTransformer transformer = tiny_transformer();
  for (nn::ModuleInfo& module : transformer.module_tree()) {
    if (module.name == "layers.1.mlp.down_proj") module.linear->weight = at::ones({32, 48});
  }
  for (const auto& [name, weight] : transformer.named_weights()) {
    if (name != "layers.1.mlp.down_proj.weight") continue;
    EXPECT_TENSOR_EQ(weight, at::ones({32, 48}));
  }
}

// As torch's named_modules() of the published class prints it.
TEST(ModuleTree, NamesClassesAndOrderOfThePublishedModel) {
  TransformerConfig config = tiny_config();
  config.num_layers = 1;
  std::vector<std::string> found;
  for (const nn::ModuleInfo& module : module_tree(config)) {
    found.push_back(module.name + " " + module.class_name);
  }
  EXPECT_THAT(
      found,
      ::testing::ElementsAre(
          " OmniGenTransformer2DModel", "patch_embedding OmniGenPatchEmbed",
          "patch_embedding.output_image_proj Conv2d", "patch_embedding.input_image_proj Conv2d",
          "time_proj Timesteps", "time_token TimestepEmbedding", "time_token.linear_1 Linear",
          "time_token.act SiLU", "time_token.linear_2 Linear", "t_embedder TimestepEmbedding",
          "t_embedder.linear_1 Linear", "t_embedder.act SiLU", "t_embedder.linear_2 Linear",
          "embed_tokens Embedding", "rope OmniGenSuScaledRotaryEmbedding", "layers ModuleList",
          "layers.0 OmniGenBlock", "layers.0.input_layernorm RMSNorm",
          "layers.0.self_attn Attention", "layers.0.self_attn.to_q Linear",
          "layers.0.self_attn.to_k Linear", "layers.0.self_attn.to_v Linear",
          "layers.0.self_attn.to_out ModuleList", "layers.0.self_attn.to_out.0 Linear",
          "layers.0.self_attn.to_out.1 Dropout", "layers.0.post_attention_layernorm RMSNorm",
          "layers.0.mlp OmniGenFeedForward", "layers.0.mlp.gate_up_proj Linear",
          "layers.0.mlp.down_proj Linear", "layers.0.mlp.activation_fn SiLU", "norm RMSNorm",
          "norm_out AdaLayerNorm", "norm_out.silu SiLU", "norm_out.linear Linear",
          "norm_out.norm LayerNorm", "proj_out Linear"));
}

// model.md 2.3.
TEST(WeightShapes, CountsOfThePublishedModel) {
  const TransformerConfig config = TransformerConfig::omnigen_v1();
  const auto shapes = weight_shapes(config);
  EXPECT_EQ(shapes.size(), 275U);
  int64_t trained = 0;
  for (const auto& [name, shape] : trained_shapes(config)) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    trained += count;
  }
  EXPECT_EQ(trained, 3762072592);
  EXPECT_EQ(shapes.at(kPositionTable), (std::vector<int64_t>{1, 36864, 3072}));
}

TEST(OmniGenTransformer, NamesAMissingWeight) {
  auto weights = tiny_weights(tiny_config());
  weights.erase("layers.1.self_attn.to_v.weight");
  try {
    OmniGenTransformer(tiny_config(), weights);
    FAIL() << "no error";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("layers.1.self_attn.to_v.weight"));
  }
}

TEST(OmniGenTransformer, RefusesSamplesThatDoNotFit) {
  const OmniGenTransformer transformer = tiny_transformer();
  EXPECT_THROW(transformer.forward({text_sample("x", 5, 4, 0.5)}), c10::Error);   // odd side
  EXPECT_THROW(transformer.forward({text_sample("x", 18, 4, 0.5)}), c10::Error);  // above table
  PackedSample outside = text_sample("x", 4, 4, 0.5);
  outside.input_ids.push_back(64);
  EXPECT_THROW(transformer.forward({outside}), c10::Error);
  PackedSample misplaced = image_sample("x", 4, 4, 0.5);
  misplaced.input_images[0].end = 6;
  EXPECT_THROW(transformer.forward({misplaced}), c10::Error);
  PackedSample overlapping = image_sample("x", 4, 4, 0.5);
  overlapping.input_images.push_back(overlapping.input_images[0]);
  EXPECT_THROW(transformer.forward({overlapping}), c10::Error);
}

TEST(OmniGenTransformer, AnEmptyMicroBatchHasNoResults) {
  EXPECT_TRUE(tiny_transformer().forward({}).empty());
}

}  // namespace
}  // namespace omnigen::model
