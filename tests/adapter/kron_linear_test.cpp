#include "adapter/kron_linear.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <tuple>

#include "adapter/kronecker.h"
#include "nn/gemm_switch.h"
#include "support/tensor_near.h"

namespace omnigen::adapter {
namespace {

enum class Side { kBefore, kAfter, kBoth };

// What an optimizer and the layers below would see.
struct Result {
  at::Tensor out;
  std::vector<at::Tensor> grads;  // of base, x, W1 and the sides that are there
};

// With products of our own, and with the library's.
class KronLinearTest : public ::testing::TestWithParam<std::tuple<Side, bool>> {
 protected:
  static Side side() { return std::get<0>(GetParam()); }
  static constexpr int64_t kA = 3, kB = 8, kC = 5, kD = 6, kRank = 2, kTokens = 11;
  static constexpr double kScale = 0.75;

  at::Tensor draw(at::IntArrayRef sizes, at::ScalarType dtype = at::kFloat) {
    return at::randn(sizes, generator_).to(dtype).set_requires_grad(true);
  }
  KronFactors draw_factors() {
    KronFactors factors{draw({kA, kC}), {}, {}};
    const int64_t p = side() == Side::kBefore ? kB : side() == Side::kAfter ? kD : kRank;
    if (side() != Side::kAfter) factors.before_PD = draw({p, kD});
    if (side() != Side::kBefore) factors.after_BP = draw({kB, p});
    return factors;
  }
  static std::vector<at::Tensor> leaves(const KronFactors& factors) {
    std::vector<at::Tensor> list = {factors.w1_AC};
    if (factors.before_PD.defined()) list.push_back(factors.before_PD);
    if (factors.after_BP.defined()) list.push_back(factors.after_BP);
    return list;
  }
  static at::Tensor oracle(const at::Tensor& base, const at::Tensor& x, const KronFactors& f) {
    at::Tensor w2 = f.before_PD.defined() ? f.before_PD : f.after_BP;
    if (f.before_PD.defined() && f.after_BP.defined()) w2 = at::mm(f.after_BP, f.before_PD);
    const at::Tensor delta = kronecker_product(f.w1_AC, w2);
    return base + kScale * at::matmul(x, delta.to(x.scalar_type()).t());
  }
  static std::vector<at::Tensor> gradients(const at::Tensor& out, const at::Tensor& base,
                                           const at::Tensor& x, const KronFactors& factors,
                                           const at::Tensor& grad_out) {
    std::vector<at::Tensor> inputs = {base, x};
    const auto list = leaves(factors);
    inputs.insert(inputs.end(), list.begin(), list.end());
    return torch::autograd::grad({out}, inputs, {grad_out});
  }

  test::GemmSwitch switch_{std::get<1>(GetParam())};
  at::Generator generator_ = at::detail::createCPUGenerator(7);
};

TEST_P(KronLinearTest, EqualsTheFullProductForwardAndBackward) {
  const KronFactors factors = draw_factors();
  const at::Tensor base = draw({kTokens, kA * kB});
  const at::Tensor x = draw({kTokens, kC * kD});
  const at::Tensor grad_out = draw({kTokens, kA * kB}).detach();
  const at::Tensor expected = oracle(base, x, factors);
  const at::Tensor out = add_kron_linear(base * 1.0, x, factors, kScale);
  EXPECT_TENSOR_NEAR(out, expected, test::kLokrOutput);
  const auto expected_grads = gradients(expected, base, x, factors, grad_out);
  const auto grads = gradients(out, base, x, factors, grad_out);
  for (size_t i = 0; i < grads.size(); ++i) {
    EXPECT_TENSOR_NEAR(grads[i], expected_grads[i], test::kLokrOutput);
  }
}

TEST_P(KronLinearTest, TakesTokensInSeveralDimensions) {
  const KronFactors factors = draw_factors();
  const at::Tensor base = draw({2, 3, kA * kB});
  const at::Tensor x = draw({2, 3, kC * kD});
  EXPECT_TENSOR_NEAR(add_kron_linear(base, x, factors, kScale), oracle(base, x, factors),
                     test::kLokrOutput);
}

TEST_P(KronLinearTest, TakesARowStridedInput) {
  const KronFactors factors = draw_factors();
  const at::Tensor base = draw({kTokens, kA * kB});
  const at::Tensor x = draw({kC * kD, kTokens}).detach().t().set_requires_grad(true);
  const at::Tensor grad_out = draw({kA * kB, kTokens}).detach().t();
  const at::Tensor out = add_kron_linear(base, x, factors, kScale);
  const at::Tensor expected = oracle(base, x, factors);
  EXPECT_TENSOR_NEAR(out, expected, test::kLokrOutput);
  EXPECT_TENSOR_NEAR(gradients(out, base, x, factors, grad_out)[1],
                     gradients(expected, base, x, factors, grad_out)[1], test::kLokrOutput);
}

TEST_P(KronLinearTest, WritesIntoAFreshOutputAndSparesALeaf) {
  const KronFactors factors = draw_factors();
  const at::Tensor x = draw({kTokens, kC * kD});
  const at::Tensor leaf = draw({kTokens, kA * kB});
  const at::Tensor before = leaf.detach().clone();
  EXPECT_NE(add_kron_linear(leaf, x, factors, kScale).data_ptr(), leaf.data_ptr());
  EXPECT_TENSOR_EQ(leaf.detach(), before);
  const at::Tensor fresh = leaf * 1.0;
  EXPECT_EQ(add_kron_linear(fresh, x, factors, kScale).data_ptr(), fresh.data_ptr());
}

TEST_P(KronLinearTest, LeavesTheTensorBehindAViewAlone) {
  const KronFactors factors = draw_factors();
  const at::Tensor x = draw({kTokens, kC * kD});
  const at::Tensor whole = draw({kTokens + 1, kA * kB}) * 1.0;
  const at::Tensor before = whole.detach().clone();
  add_kron_linear(whole.narrow(0, 1, kTokens), x, factors, kScale);
  EXPECT_TENSOR_EQ(whole.detach(), before);
}

TEST_P(KronLinearTest, ComputesInTheInputsTypeAndKeepsGradientsInTheFactors) {
  const KronFactors factors = draw_factors();
  const at::Tensor base = draw({kTokens, kA * kB}, at::kBFloat16);
  const at::Tensor x = draw({kTokens, kC * kD}, at::kBFloat16);
  const at::Tensor grad_out = draw({kTokens, kA * kB}, at::kBFloat16).detach();
  const at::Tensor out = add_kron_linear(base * 1.0, x, factors, kScale);
  EXPECT_EQ(out.scalar_type(), at::kBFloat16);
  const at::Tensor expected = oracle(base, x.to(at::kFloat), factors);
  EXPECT_TENSOR_NEAR(out, expected, test::kLokrBfloat16);
  const auto grads = gradients(out, base, x, factors, grad_out);
  const auto wide = gradients(expected, base, x, factors, grad_out.to(at::kFloat));
  for (size_t i = 2; i < grads.size(); ++i) {
    EXPECT_EQ(grads[i].scalar_type(), at::kFloat);
    EXPECT_TENSOR_NEAR(grads[i], wide[i], test::kLokrBfloat16);
  }
}

TEST_P(KronLinearTest, NeedsNoGradientOfAFrozenInput) {
  const KronFactors factors = draw_factors();
  const at::Tensor x = draw({kTokens, kC * kD}).detach();
  const at::Tensor base = at::zeros({kTokens, kA * kB});
  const at::Tensor out = add_kron_linear(base, x, factors, kScale);
  const auto grads = torch::autograd::grad({out.sum()}, leaves(factors));
  const auto expected =
      torch::autograd::grad({oracle(at::zeros_like(base), x, factors).sum()}, leaves(factors));
  for (size_t i = 0; i < grads.size(); ++i) {
    EXPECT_TENSOR_NEAR(grads[i], expected[i], test::kLokrOutput);
  }
}

TEST_P(KronLinearTest, RefusesFactorsOfAnotherLayer) {
  const KronFactors factors = draw_factors();
  const at::Tensor x = draw({kTokens, kC * kD + 1});
  EXPECT_THROW(add_kron_linear(at::zeros({kTokens, kA * kB}), x, factors, kScale), c10::Error);
  const at::Tensor base = at::zeros({kTokens, kA * (kB + 1)});
  EXPECT_THROW(add_kron_linear(base, draw({kTokens, kC * kD}), factors, kScale), c10::Error);
}

// More than a block, and than a part of the sums.
TEST_P(KronLinearTest, TakesManyTokensAndThreadsDoNotChangeABit) {
  constexpr int64_t kMany = 1100;
  const KronFactors factors = draw_factors();
  const at::Tensor base = draw({kMany, kA * kB});
  const at::Tensor x = draw({kMany, kC * kD});
  const at::Tensor grad_out = draw({kMany, kA * kB}).detach();
  const auto run = [&](int threads) {
    at::set_num_threads(threads);
    const at::Tensor out = add_kron_linear(base * 1.0, x, factors, kScale);
    std::vector<at::Tensor> results = gradients(out, base, x, factors, grad_out);
    results.push_back(out.detach());
    return results;
  };
  const int threads = at::get_num_threads();
  const auto two = run(2);
  const auto one = run(1);
  at::set_num_threads(threads);
  const at::Tensor expected = oracle(base, x, factors);
  auto expected_all = gradients(expected, base, x, factors, grad_out);
  expected_all.push_back(expected.detach());
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_TENSOR_NEAR(one[i], expected_all[i], test::kLokrOutput);
    if (std::get<1>(GetParam())) {
      EXPECT_TENSOR_EQ(one[i], two[i]);
    }
  }
}

std::string case_name(const ::testing::TestParamInfo<std::tuple<Side, bool>>& info) {
  const auto [side, own] = info.param;
  const char* where = side == Side::kBoth     ? "OnBothSides"
                      : side == Side::kBefore ? "BeforeTheMix"
                                              : "AfterTheMix";
  return std::string(where) + (own ? "" : "ByLibrary");
}
INSTANTIATE_TEST_SUITE_P(Sides, KronLinearTest,
                         ::testing::Combine(::testing::Values(Side::kBefore, Side::kAfter,
                                                              Side::kBoth),
                                            ::testing::Bool()),
                         case_name);

TEST(KronOrder, FollowsTheMultiplyAdds) {
  EXPECT_TRUE(mixes_first(8, 2048, 8, 384));   // gate_up_proj: W2 widens
  EXPECT_FALSE(mixes_first(8, 384, 8, 1024));  // down_proj: W2 narrows
  EXPECT_TRUE(mixes_first(16, 192, 16, 192));  // square: equal, nothing to keep
}

}  // namespace
}  // namespace omnigen::adapter
