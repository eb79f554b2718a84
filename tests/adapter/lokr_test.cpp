#include "adapter/lokr.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/tensor_near.h"

namespace omnigen::adapter {
namespace {

LokrOptions full(int64_t factor) {
  LokrOptions options;
  options.linear_dim = 10000;
  options.factor = factor;
  return options;
}

LokrOptions low_rank(int64_t dim, double alpha) {
  LokrOptions options;
  options.linear_dim = dim;
  options.linear_alpha = alpha;
  options.factor = 16;
  return options;
}

TEST(LokrShape, CountsThePublishedModelsLayers) {
  EXPECT_EQ(lokr_shape(3072, 3072, full(16)).num_parameters(), 37120);
  EXPECT_EQ(lokr_shape(16384, 3072, full(8)).num_parameters(), 786496);
  EXPECT_EQ(lokr_shape(3072, 8192, full(8)).num_parameters(), 393280);
  EXPECT_EQ(lokr_shape(16, 3072, full(16)).num_parameters(), 3088);
}

TEST(LokrShape, DecomposesTheLargeFactorBelowHalfItsSize) {
  EXPECT_TRUE(lokr_shape(3072, 3072, low_rank(95, 1)).low_rank_w2);
  EXPECT_FALSE(lokr_shape(3072, 3072, low_rank(96, 1)).low_rank_w2);
}

TEST(LokrShape, DecomposesTheSmallFactorOnlyWhenAsked) {
  LokrOptions options = low_rank(4, 1);
  EXPECT_FALSE(lokr_shape(3072, 3072, options).low_rank_w1);
  options.decompose_both = true;
  EXPECT_TRUE(lokr_shape(3072, 3072, options).low_rank_w1);
  options.full_matrix = true;
  EXPECT_FALSE(lokr_shape(3072, 3072, options).low_rank_w1);
}

TEST(LokrShape, ScalesByAlphaOverRank) {
  const LokrShape shape = lokr_shape(3072, 3072, low_rank(16, 8));
  EXPECT_DOUBLE_EQ(shape.scale, 0.5);
  EXPECT_DOUBLE_EQ(shape.alpha, 8.0);
}

TEST(LokrShape, RankStabilisedScaleIsFoundAgainInAlpha) {
  LokrOptions options = low_rank(16, 8);
  options.rs_lora = true;
  const LokrShape shape = lokr_shape(3072, 3072, options);
  EXPECT_DOUBLE_EQ(shape.scale, 2.0);
  EXPECT_DOUBLE_EQ(shape.alpha, 32.0);
}

TEST(LokrShape, TwoFullFactorsHaveScaleOneWhateverAlphaSays) {
  const LokrShape shape = lokr_shape(3072, 3072, full(16));
  EXPECT_DOUBLE_EQ(shape.scale, 1.0);
  EXPECT_DOUBLE_EQ(shape.alpha, 10000.0);
}

TEST(LokrShape, AlphaZeroMeansTheRank) {
  EXPECT_DOUBLE_EQ(lokr_shape(3072, 3072, low_rank(16, 0)).scale, 1.0);
}

TEST(LokrShape, UnbalancedFactorizationSwapsTheOutputPair) {
  LokrOptions options = full(16);
  options.unbalanced_factorization = true;
  const LokrShape shape = lokr_shape(3072, 1024, options);
  EXPECT_EQ(shape.a, 192);
  EXPECT_EQ(shape.b, 16);
  EXPECT_EQ(shape.c, 16);
}

at::Tensor first_factor(const std::string& name, uint64_t seed) {
  const LokrFactors factors(lokr_shape(64, 64, full(8)), name, seed, at::kCPU);
  return factors.factors()[0].second.detach();
}

TEST(LokrFactors, StartsWithoutEffect) {
  for (const LokrOptions& options : {full(8), low_rank(2, 1)}) {
    const LokrFactors factors(lokr_shape(64, 96, options), "x", 1, at::kCPU);
    EXPECT_TENSOR_EQ(factors.delta_weight(), at::zeros({64, 96}));
  }
}

TEST(LokrFactors, DrawsTheSmallFactorWithinItsFanIn) {
  const at::Tensor w1 = first_factor("x", 1);
  const double bound = 1.0 / std::sqrt(8.0);
  EXPECT_LE(w1.abs().max().item<double>(), bound);
  EXPECT_GT(w1.abs().max().item<double>(), 0.8 * bound);
  EXPECT_LT(std::abs(w1.mean().item<double>()), 0.3 * bound);
}

TEST(LokrFactors, DrawsAreKeyedBySeedAndName) {
  EXPECT_TENSOR_EQ(first_factor("x", 1), first_factor("x", 1));
  EXPECT_FALSE(at::equal(first_factor("x", 1), first_factor("y", 1)));
  EXPECT_FALSE(at::equal(first_factor("x", 1), first_factor("x", 2)));
}

TEST(LokrFactors, MultiplierZeroReturnsTheBaseOutputItself) {
  LokrFactors factors(lokr_shape(64, 64, full(8)), "x", 1, at::kCPU);
  factors.set_multiplier(0.0);
  const at::Tensor base = at::ones({3, 64});
  EXPECT_EQ(factors.add_to(base, at::ones({3, 64})).data_ptr(), base.data_ptr());
  EXPECT_TENSOR_EQ(base, at::ones({3, 64}));
}

TEST(LokrFactors, MultiplierScalesTheOutputAndNotTheDeltaWeight) {
  LokrFactors factors(lokr_shape(64, 64, full(8)), "x", 1, at::kCPU);
  const at::NoGradGuard no_grad;
  factors.factors()[1].second.detach().fill_(0.5);
  const at::Tensor x = at::ones({3, 64});
  const at::Tensor delta = factors.delta_weight();
  factors.set_multiplier(0.25);
  EXPECT_TENSOR_EQ(factors.delta_weight(), delta);
  EXPECT_TENSOR_NEAR(factors.add_to(at::zeros({3, 64}), x), 0.25 * at::mm(x, delta.t()),
                     test::kLokrOutput);
}

}  // namespace
}  // namespace omnigen::adapter
