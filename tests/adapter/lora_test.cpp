#include "adapter/lora.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <memory>

#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::adapter {
namespace {

constexpr LoraShape kShape{12, 8, 2, 1.5};

// Factors as if trained: B is not zero.
std::unique_ptr<LoraFactors> trained_factors(const LoraShape& shape,
                                             const std::string& name = "x") {
  auto factors = std::make_unique<LoraFactors>(shape, LoraInit::kUniform, name, 1, at::kCPU);
  const at::NoGradGuard no_grad;
  const at::Tensor b = factors->factors()[1].second.detach();
  b.copy_(at::linspace(-1, 1, b.numel()).view(b.sizes()));
  return factors;
}

at::Tensor first_lora_factor(LoraInit init, const std::string& name, uint64_t seed) {
  const LoraFactors factors({64, 64, 8}, init, name, seed, at::kCPU);
  return factors.factors()[0].second.detach();
}

TEST(LoraFactors, NamesAndCountsItsFactorsAsPeft) {
  const LoraFactors factors(kShape, LoraInit::kUniform, "x", 1, at::kCPU);
  ASSERT_EQ(factors.factors().size(), 2);
  EXPECT_EQ(factors.factors()[0].first, "lora_A.weight");
  EXPECT_EQ(factors.factors()[0].second.sizes(), at::IntArrayRef({2, 8}));
  EXPECT_EQ(factors.factors()[1].first, "lora_B.weight");
  EXPECT_EQ(factors.factors()[1].second.sizes(), at::IntArrayRef({12, 2}));
  EXPECT_EQ(factors.num_parameters(), kShape.num_parameters());
}

TEST(LoraFactors, StartsWithoutEffect) {
  const LoraFactors factors(kShape, LoraInit::kGaussian, "x", 1, at::kCPU);
  EXPECT_TENSOR_EQ(factors.delta_weight(), at::zeros({12, 8}));
}

TEST(LoraFactors, DrawsAWithinItsFanIn) {
  const at::Tensor a = first_lora_factor(LoraInit::kUniform, "x", 1);
  EXPECT_LE(a.abs().max().item<double>(), 1.0 / 8.0);
  EXPECT_GT(a.abs().max().item<double>(), 0.9 / 8.0);
}

TEST(LoraFactors, GaussianAHasDeviationOneOverTheRank) {
  const at::Tensor a = first_lora_factor(LoraInit::kGaussian, "x", 1);
  EXPECT_NEAR(a.std().item<double>(), 1.0 / 8.0, 0.01);
  EXPECT_NEAR(a.mean().item<double>(), 0.0, 0.02);
}

TEST(LoraFactors, DrawsAreKeyedBySeedAndName) {
  const auto draw = [](const std::string& name, uint64_t seed) {
    return first_lora_factor(LoraInit::kUniform, name, seed);
  };
  EXPECT_TENSOR_EQ(draw("x", 1), draw("x", 1));
  EXPECT_FALSE(at::equal(draw("x", 1), draw("y", 1)));
  EXPECT_FALSE(at::equal(draw("x", 1), draw("x", 2)));
}

TEST(LoraFactors, AddsItsDeltaAndGivesGradients) {
  const auto factors = trained_factors(kShape);
  const at::Tensor x = at::linspace(-1, 2, 40).view({5, 8}).clone().requires_grad_();
  const at::Tensor base = at::ones({5, 12});
  const at::Tensor delta = factors->delta_weight();
  factors->set_multiplier(0.5);
  const at::Tensor out = factors->add_to(base.clone(), x);
  EXPECT_TENSOR_NEAR(out, base + 0.5 * at::mm(x, delta.t()), test::kLokrOutput);
  const at::Tensor& a = factors->factors()[0].second;
  const at::Tensor& b = factors->factors()[1].second;
  const at::Tensor probe = at::linspace(-1, 1, 60).view({5, 12});
  const auto grads = torch::autograd::grad({out}, {x, a, b}, {probe});
  const double scale = 0.5 * kShape.scale;
  EXPECT_TENSOR_NEAR(grads[0], 0.5 * at::mm(probe, delta), test::kLokrOutput);
  EXPECT_TENSOR_NEAR(grads[1], scale * at::mm(at::mm(probe, b).t(), x), test::kLokrOutput);
  EXPECT_TENSOR_NEAR(grads[2], scale * at::mm(probe.t(), at::mm(x, a.t())), test::kLokrOutput);
}

TEST(LoraFactors, MultiplierZeroReturnsTheBaseOutputItself) {
  const auto factors = trained_factors(kShape);
  factors->set_multiplier(0.0);
  const at::Tensor base = at::ones({3, 12});
  EXPECT_EQ(factors->add_to(base, at::ones({3, 8})).data_ptr(), base.data_ptr());
}

// Output of samples with these rows and keys, packed one after another.
at::Tensor dropped_output(LoraFactors& factors, const std::vector<int64_t>& rows,
                          const std::vector<uint64_t>& keys) {
  factors.set_sample_rows(std::make_shared<SampleRows>(SampleRows{keys, {rows}}));
  int64_t total = 0;
  for (const int64_t count : rows) total += count;
  const at::NoGradGuard no_grad;
  return factors.add_to(at::zeros({total, 12}), at::ones({total, 8}));
}

TEST(LoraDropout, IsTheSampleAndTheLayersAlone) {
  LoraShape shape = kShape;
  shape.dropout = 0.5;
  const auto factors = trained_factors(shape);
  const at::Tensor packed = dropped_output(*factors, {5, 7}, {11, 22});
  EXPECT_TENSOR_NEAR(packed.narrow(0, 0, 5), dropped_output(*factors, {5}, {11}),
                     test::kLokrOutput);
  EXPECT_TENSOR_NEAR(packed.narrow(0, 5, 7), dropped_output(*factors, {7}, {22}),
                     test::kLokrOutput);
  EXPECT_FALSE(at::equal(dropped_output(*factors, {7}, {11}), dropped_output(*factors, {7}, {22})));
  const auto other = trained_factors(shape, "y");
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < 2; ++i) {
    other->factors()[i].second.detach().copy_(factors->factors()[i].second);
  }
  EXPECT_FALSE(at::equal(dropped_output(*factors, {7}, {11}), dropped_output(*other, {7}, {11})));
}

TEST(LoraDropout, KeepsTheMeanAndDropsItsShare) {
  LoraShape shape = {1, 1, 1, 1.0, 0.25};
  LoraFactors factors(shape, LoraInit::kUniform, "x", 1, at::kCPU);
  const at::NoGradGuard no_grad;
  for (const auto& [name, value] : factors.factors()) value.detach().fill_(1.0);
  factors.set_sample_rows(std::make_shared<SampleRows>(SampleRows{{7}, {{4000}}}));
  const at::Tensor out = factors.add_to(at::zeros({4000, 1}), at::ones({4000, 1}));
  EXPECT_NEAR((out == 0).to(at::kFloat).mean().item<double>(), 0.25, 0.03);
  EXPECT_TENSOR_NEAR(out.max(), at::scalar_tensor(1.0 / 0.75), test::kLokrOutput);
}

TEST(LoraDropout, DropsNothingOutsideTraining) {
  LoraShape shape = kShape;
  shape.dropout = 0.5;
  const auto factors = trained_factors(shape);
  const at::Tensor x = at::ones({4, 8});
  const at::NoGradGuard no_grad;
  EXPECT_TENSOR_NEAR(factors->add_to(at::zeros({4, 12}), x), at::mm(x, factors->delta_weight().t()),
                     test::kLokrOutput);
}

TEST(LoraShape, IsFoundFromSavedFactors) {
  const LoraShape shape = lora_shape_of({{"lora_A.weight", at::ones({2, 8})},
                                         {"lora_B.weight", at::ones({12, 2})},
                                         {"alpha", at::scalar_tensor(3.0)}},
                                        "file");
  EXPECT_EQ(shape.out_features, 12);
  EXPECT_EQ(shape.in_features, 8);
  EXPECT_EQ(shape.rank, 2);
  EXPECT_DOUBLE_EQ(shape.scale, 1.5);
  EXPECT_THROW(lora_shape_of({{"lora_A.weight", at::ones({2, 8})}}, "file"), util::DataError);
}

}  // namespace
}  // namespace omnigen::adapter
