#include "nn/linear.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nn/gemm_switch.h"
#include "nn/gradient_check.h"

namespace omnigen::nn {
namespace {

using test::random_tensor;
using test::TensorList;

TEST(Linear, FrozenAndTrainedWeightsAgree) {
  for (const int64_t rows : {1, 7, 8, 40}) {
    SCOPED_TRACE(rows);
    const at::Tensor weight = random_tensor({24, 18}, 1);
    const at::Tensor bias = random_tensor({24}, 2);
    const Linear frozen{weight, bias, nullptr};
    const auto actual = [&](const TensorList& x) { return frozen.forward(x[0]); };
    const auto expected = [&](const TensorList& x) { return at::linear(x[0], weight, bias); };
    test::expect_same_function(actual, expected, {random_tensor({rows, 18}, 3)}, test::kKernel);
  }
}

// With products of our own, and with the library's.
class LinearProductTest : public ::testing::TestWithParam<bool> {
 private:
  test::GemmSwitch switch_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Products, LinearProductTest, ::testing::Bool());

struct Size {
  int64_t rows;
  int64_t in;
  int64_t out;
};
// Cuts of tasks, panels and blocks of k.
constexpr Size kSizes[] = {{16, 2, 3}, {100, 70, 130}, {500, 1100, 48}, {17, 2100, 200}};

TEST_P(LinearProductTest, IsTheLibrarysForEverySize) {
  for (const auto& [rows, in, out] : kSizes) {
    SCOPED_TRACE(testing::Message() << rows << " x " << in << " to " << out);
    const at::Tensor weight = random_tensor({out, in}, 1) / std::sqrt(static_cast<double>(in));
    const Linear frozen{weight, {}, nullptr};
    const auto actual = [&](const TensorList& x) { return frozen.forward(x[0]); };
    const auto expected = [&](const TensorList& x) { return x[0].mm(weight.t()); };
    test::expect_same_function(actual, expected, {random_tensor({rows, in}, 3)}, test::kKernel);
  }
}

TEST_P(LinearProductTest, ATrainedLayersGradientsAreTheLibrarys) {
  for (const auto& [rows, in, out] : kSizes) {
    SCOPED_TRACE(testing::Message() << rows << " x " << in << " to " << out);
    const auto actual = [](const TensorList& x) {
      return Linear{x[1], x[2], nullptr}.forward(x[0]);
    };
    const auto expected = [](const TensorList& x) { return at::linear(x[0], x[1], x[2]); };
    const TensorList inputs = {random_tensor({rows, in}, 3), random_tensor({out, in}, 1),
                               random_tensor({out}, 2)};
    test::expect_same_function(actual, expected, inputs, test::kKernel);
    TensorList narrow;
    for (const at::Tensor& input : inputs) narrow.push_back(input.to(at::kBFloat16));
    test::expect_near_double(actual, narrow, test::kBfloat16Kernel);
  }
}

TEST(Linear, ATrainedWeightGetsItsGradient) {
  const at::Tensor weight = random_tensor({24, 18}, 1).requires_grad_();
  const at::Tensor x = random_tensor({10, 18}, 3);
  Linear{weight, {}, nullptr}.forward(x).sum().backward();
  EXPECT_TENSOR_NEAR(weight.grad(), x.sum(0).expand({24, 18}), test::kKernel);
}

TEST(Linear, NothingIsRecordedWithoutATrainedInput) {
  const Linear frozen{random_tensor({24, 18}, 1), {}, nullptr};
  EXPECT_FALSE(frozen.forward(random_tensor({10, 18}, 3)).requires_grad());
}

TEST(Linear, BothFormsAreUsableTwiceInOneGraph) {
  const Linear frozen{random_tensor({18, 18}, 1), {}, nullptr};
  const auto actual = [&](const TensorList& x) { return frozen.forward(frozen.forward(x[0])); };
  const auto expected = [&](const TensorList& x) {
    return x[0].mm(frozen.weight.t()).mm(frozen.weight.t());
  };
  test::expect_same_function(actual, expected, {random_tensor({12, 18}, 3)}, test::kKernel);
}

class Doubler : public LinearAdapter {
 public:
  at::Tensor add_to(const at::Tensor& base_out, const at::Tensor& x) override {
    return base_out + 2 * x.sum(1, /*keepdim=*/true);
  }
};

TEST(Linear, TheAdapterSeesInputAndOutput) {
  const at::Tensor weight = random_tensor({24, 18}, 1);
  const at::Tensor x = random_tensor({10, 18}, 3);
  const Linear adapted{weight, {}, std::make_shared<Doubler>()};
  EXPECT_TENSOR_NEAR(adapted.forward(x), at::linear(x, weight) + 2 * x.sum(1, true), test::kKernel);
}

TEST(Linear, Bfloat16NearFloat64) {
  const at::Tensor weight = random_tensor({24, 18}, 1).to(at::kBFloat16);
  const auto function = [&](const TensorList& x) {
    return Linear{weight.to(x[0].scalar_type()), {}, nullptr}.forward(x[0]);
  };
  test::expect_near_double(function, {random_tensor({40, 18}, 3).to(at::kBFloat16)},
                           test::kBfloat16Kernel);
}

TEST(Linear, NamesTheSizesThatDoNotFit) {
  const Linear layer{random_tensor({24, 18}, 1), {}, nullptr};
  EXPECT_THROW(layer.forward(at::ones({10, 17})), c10::Error);
}

}  // namespace
}  // namespace omnigen::nn
