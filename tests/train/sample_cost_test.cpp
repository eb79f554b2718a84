#include "train/sample_cost.h"

#include <gtest/gtest.h>

namespace omnigen::train {
namespace {

// One layer of width 4, MLP 8: 2·(4·16 + 3·32) = 320 a token and pass, 4·4 = 16 a pair.
model::TransformerConfig one_layer() {
  model::TransformerConfig config;
  config.num_layers = 1;
  config.hidden_size = 4;
  config.intermediate_size = 8;
  config.patch_size = 2;
  return config;
}

TEST(SampleCost, CountsProductsAndPairs) {
  const SampleSize size{3, 8 * 8};  // 3 words and the time token, 16 of the image
  const double pairs = 4 * 5 / 2 + 16 * 20;
  EXPECT_DOUBLE_EQ(SampleCost(one_layer(), false).flop(size, false), 2 * 320 * 20 + 3 * 16 * pairs);
  EXPECT_DOUBLE_EQ(SampleCost(one_layer(), true).flop(size, false), 3 * 320 * 20 + 3 * 16 * pairs);
  EXPECT_DOUBLE_EQ(SampleCost(one_layer(), false).flop(size, true), 3 * 320 * 20 + 4 * 16 * pairs);
  EXPECT_EQ(SampleCost(one_layer(), true).tokens(size), 20);
}

TEST(SampleCost, OfTheTrueModelGrowsFasterThanThePictures) {
  const SampleCost cost(model::TransformerConfig::omnigen_v1(), false);
  const double small = cost.flop({30, 64 * 64}, false);
  const double large = cost.flop({30, 128 * 128}, false);
  EXPECT_GT(large / small, 4.0);
  EXPECT_LT(large / small, 5.5);
}

}  // namespace
}  // namespace omnigen::train
