#include "nn/swiglu.h"

#include <gtest/gtest.h>

#include "nn/gradient_check.h"

namespace omnigen::nn {
namespace {

using test::random_tensor;
using test::TensorList;

at::Tensor gate(const TensorList& x) {
  return swiglu(x[0]);
}

TEST(Swiglu, MatchesFloat64) {
  for (const int64_t width : {1, 16, 40, 51}) {
    SCOPED_TRACE(width);
    test::expect_near_double(gate, {random_tensor({5, 2 * width}, 1)}, test::kKernel);
    test::expect_near_double(gate, {random_tensor({5, 2 * width}, 1).to(at::kBFloat16)},
                             test::kBfloat16Kernel);
  }
}

TEST(Swiglu, TheGateComesFirst) {
  const at::Tensor x = at::tensor({0.0F, 1.0F}).view({1, 2});
  EXPECT_EQ(swiglu(x).item<float>(), 0.0F);
}

TEST(Swiglu, SaturatesWithoutOverflow) {
  for (const float extreme : {1e4F, -1e4F, 90.0F, -90.0F, 3e38F, -3e38F}) {
    const at::Tensor x = at::tensor({extreme, 1.0F}).view({1, 2}).requires_grad_();
    const at::Tensor y = swiglu(x);
    y.backward();
    EXPECT_NEAR(y.item<float>(), extreme > 0 ? extreme : 0.0F, std::abs(extreme) * 1e-6);
    EXPECT_TRUE(at::isfinite(x.grad()).all().item<bool>());
  }
}

TEST(Swiglu, CarriesNotANumber) {
  const at::Tensor x = at::tensor({std::nanf(""), 1.0F}).view({1, 2});
  EXPECT_TRUE(at::isnan(swiglu(x)).all().item<bool>());
}

}  // namespace
}  // namespace omnigen::nn
