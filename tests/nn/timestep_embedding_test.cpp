#include "nn/timestep_embedding.h"

#include <gtest/gtest.h>

namespace omnigen::nn {
namespace {

TEST(TimestepEmbedding, PublishedValuesAtAQuarter) {
  const at::Tensor features = timestep_embedding(at::tensor({0.25F}), 256);
  const std::vector<std::pair<int64_t, double>> expected = {
      {0, 0.9689124},  {1, 0.9730604},   {64, 0.9999969}, {127, 1.0},
      {128, 0.247404}, {129, 0.2305501}, {192, 0.0025},   {255, 2.69e-05}};
  for (const auto& [index, value] : expected) {
    EXPECT_NEAR(features[0][index].item<float>(), value, 6e-8 + 2e-3 * (index == 255) * value)
        << index;
  }
}

TEST(TimestepEmbedding, OneRowPerTimeAndNoScaling) {
  const at::Tensor features = timestep_embedding(at::tensor({0.0F, 1.0F}), 4);
  EXPECT_EQ(features.sizes(), (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(features[0][0].item<float>(), 1.0F);
  EXPECT_FLOAT_EQ(features[1][0].item<float>(), std::cos(1.0F));
  EXPECT_FLOAT_EQ(features[1][2].item<float>(), std::sin(1.0F));
}

TEST(TimestepEmbedding, RefusesOddWidths) {
  EXPECT_THROW(timestep_embedding(at::tensor({0.5F}), 5), c10::Error);
}

}  // namespace
}  // namespace omnigen::nn
