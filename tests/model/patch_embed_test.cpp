#include "model/patch_embed.h"

#include <gtest/gtest.h>

#include "model/tiny_models.h"
#include "nn/position_table.h"
#include "support/tensor_near.h"

namespace omnigen::model {
namespace {

PatchEmbed::Projection projection(const std::string& name) {
  return {test::hashed_weight(name, {32, 4, 2, 2}), test::hashed(name + ".bias", {32}, 0.1)};
}

TEST(PatchEmbed, IsAConvolutionPlusTheCrop) {
  const TransformerConfig config = test::tiny_config();
  const auto output = projection("output");
  const PatchEmbed embed(config, output, projection("input"), {});
  const at::Tensor latent = test::hashed_latent("x", {4, 6, 8});
  const at::Tensor convolved =
      at::conv2d(latent.unsqueeze(0), output.weight, output.bias, 2).flatten(2).squeeze(0).t();
  const at::Tensor places = nn::position_table(8, 32, nn::central_crop(8, 3, 4));
  EXPECT_TENSOR_NEAR(embed.output_tokens({latent}), convolved + places, test::kTransformerOutput);
}

TEST(PatchEmbed, InputImagesHaveTheirOwnProjection) {
  const PatchEmbed embed(test::tiny_config(), projection("output"), projection("input"), {});
  const at::Tensor latent = test::hashed_latent("x", {4, 6, 8});
  EXPECT_FALSE(at::allclose(embed.output_tokens({latent}), embed.input_tokens({latent})));
}

TEST(PatchEmbed, AStoredTableIsUsedAsItIs) {
  const at::Tensor table = test::hashed("table", {1, 64, 32});
  const PatchEmbed::Projection zero{at::zeros({32, 4, 2, 2}), at::zeros({32})};
  const PatchEmbed embed(test::tiny_config(), zero, zero, table);
  const at::Tensor expected =
      table.view({8, 8, 32}).narrow(0, 2, 3).narrow(1, 3, 1).reshape({3, 32});
  EXPECT_TENSOR_EQ(embed.output_tokens({at::ones({4, 6, 2})}), expected);
}

TEST(Unpatchify, ComponentsAreRowColumnChannel) {
  at::Tensor tokens = at::zeros({6, 16});
  tokens[4][2 * 4 + 3] = 1.0F;  // token (1, 1) of 2 x 3; row 1, column 0 of its patch; channel 3
  const at::Tensor latent = unpatchify(tokens, {2, 3}, 2);
  EXPECT_EQ(latent.sizes(), (std::vector<int64_t>{4, 4, 6}));
  EXPECT_EQ(latent[3][3][2].item<float>(), 1.0F);
  EXPECT_EQ(latent.sum().item<float>(), 1.0F);
}

}  // namespace
}  // namespace omnigen::model
