#include "nn/linear.h"

#include <gtest/gtest.h>

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
