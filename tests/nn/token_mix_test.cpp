#include "nn/token_mix.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "support/tensor_near.h"
#include "util/seed_stream.h"

namespace omnigen::nn {
namespace {

struct MixSizes {
  int64_t tokens;
  int64_t m;
  int64_t n;
  int64_t p;
};

class TokenMixTest : public ::testing::TestWithParam<MixSizes> {
 protected:
  TokenMixTest() {
    const auto [tokens, m, n, p] = GetParam();
    at::manual_seed(7);
    small_ = at::randn({m, n});
    x_ = at::randn({tokens, n, p});
    y_ = at::randn({tokens, m, p});
  }
  at::Tensor small_;
  at::Tensor x_;
  at::Tensor y_;
};

TEST_P(TokenMixTest, IsTheProductOfEveryToken) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = x_.to(dtype);
    const at::Tensor expected = at::matmul(small_.to(at::kDouble), x.to(at::kDouble));
    const at::Tensor out = at::full(y_.sizes(), 1e9, x.options());
    token_mix(small_, x, out, MixInto::kReplace);
    const auto& tolerance = dtype == at::kFloat ? test::kKernel : test::kBfloat16Kernel;
    EXPECT_TENSOR_NEAR(out, expected, tolerance);
    const at::Tensor added = y_.to(dtype);
    const at::Tensor expected_sum = added.to(at::kDouble) + expected;
    token_mix(small_, x, added, MixInto::kAdd);
    EXPECT_TENSOR_NEAR(added, expected_sum, tolerance);
  }
}

TEST_P(TokenMixTest, GradientIsTheSumOverTokens) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = x_.to(dtype);
    const at::Tensor y = y_.to(dtype);
    const at::Tensor expected =
        at::matmul(y.to(at::kDouble), x.to(at::kDouble).transpose(1, 2)).sum(0);
    EXPECT_TENSOR_NEAR(token_mix_gradient(y, x), expected, test::kKernel);
  }
}

TEST_P(TokenMixTest, ThreadsDoNotChangeABit) {
  const at::Tensor gradient = token_mix_gradient(y_, x_);
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 3 : 1);
  EXPECT_TENSOR_EQ(token_mix_gradient(y_, x_), gradient);
  at::set_num_threads(threads);
}

// A row of less than a vector, of vectors and a rest; less than a task of tokens and several.
INSTANTIATE_TEST_SUITE_P(Sizes, TokenMixTest,
                         ::testing::Values(MixSizes{5, 4, 4, 64}, MixSizes{200, 4, 4, 86},
                                           MixSizes{130, 2, 8, 7}, MixSizes{64, 1, 1, 16},
                                           MixSizes{1, 8, 3, 33}));

}  // namespace
}  // namespace omnigen::nn
