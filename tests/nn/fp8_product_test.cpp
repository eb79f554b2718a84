#include "nn/fp8_product.h"

#include <gtest/gtest.h>

#include "nn/gradient_check.h"
#include "support/tensor_near.h"

namespace omnigen::nn {
namespace {

using test::random_tensor;

at::Tensor codes_of(const at::Tensor& values) {
  return (values * 100).to(at::kFloat8_e4m3fn);
}

// libtorch's CPU build has the same call as its CUDA build: sums in float32, rounded once.
TEST(Fp8Product, MultipliesTheCodes) {
  const at::Tensor x = codes_of(random_tensor({37, 64}, 1));
  const at::Tensor w = codes_of(random_tensor({48, 64}, 2));
  const at::Tensor expected = at::mm(x.to(at::kDouble), w.to(at::kDouble).t());
  const at::Tensor found = fp8_product(x, w, at::kBFloat16);
  ASSERT_EQ(found.scalar_type(), at::kBFloat16);
  const at::Tensor error = (found.to(at::kDouble) - expected).abs();
  constexpr double kHalfUnit = 1.0 / 256;  // of bfloat16
  constexpr double kSums = 1e-3;           // of float32, of what may cancel
  EXPECT_TRUE((error <= kHalfUnit * expected.abs() + kSums).all().item<bool>())
      << error.max().item<double>();
}

// Slower there than a product of what the codes stand for.
TEST(Fp8Product, IsNotUsedOnTheCpu) {
  EXPECT_FALSE(has_fp8_product(codes_of(random_tensor({16, 16}, 1))));
}

}  // namespace
}  // namespace omnigen::nn
