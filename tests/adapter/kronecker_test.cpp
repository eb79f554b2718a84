#include "adapter/kronecker.h"

#include <gtest/gtest.h>

#include "support/tensor_near.h"

namespace omnigen::adapter {
namespace {

using Pair = std::pair<int64_t, int64_t>;

TEST(Factorize, TakesTheFactorWhereItDivides) {
  EXPECT_EQ(factorize(3072, 16), Pair(16, 192));
  EXPECT_EQ(factorize(16, 8), Pair(2, 8));  // sorted
}

TEST(Factorize, TakesTheLargestDivisorBelowAFactorThatDoesNotDivide) {
  EXPECT_EQ(factorize(3072, 25), Pair(24, 128));
  EXPECT_EQ(factorize(360, 16), Pair(15, 24));
}

TEST(Factorize, BalancesForANegativeFactor) {
  EXPECT_EQ(factorize(8192, -1), Pair(64, 128));
  EXPECT_EQ(factorize(360, -1), Pair(18, 20));
}

TEST(Factorize, LeavesAPrimeWhole) {
  EXPECT_EQ(factorize(127, 16), Pair(1, 127));
  EXPECT_EQ(factorize(127, -1), Pair(1, 127));
}

TEST(KroneckerProduct, RepeatsTheLargeFactorInEveryCellOfTheSmallOne) {
  const at::Tensor w1 = at::arange(1, 7, at::kFloat).view({2, 3});
  const at::Tensor w2 = at::arange(1, 9, at::kFloat).view({4, 2});
  const at::Tensor product = kronecker_product(w1, w2);
  EXPECT_EQ(product.sizes(), at::IntArrayRef({8, 6}));
  EXPECT_TENSOR_EQ(product.slice(0, 4, 8).slice(1, 2, 4), w2 * w1[1][1]);
}

}  // namespace
}  // namespace omnigen::adapter
