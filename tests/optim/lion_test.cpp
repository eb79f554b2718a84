#include "optim/lion.h"

#include <gtest/gtest.h>

#include "optim/test_parameters.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

TEST(Lion, MovesByTheRateWhateverTheGradientsSize) {
  const Parameter parameter = parameter_of("p", at::zeros({3}), at::tensor({1e-6F, -20.0F, 0.0F}));
  Lion optimizer({parameter}, {});
  optimizer.step(0.25);
  EXPECT_TENSOR_EQ(parameter.value.detach(), at::tensor({-0.25F, 0.25F, 0.0F}));
}

TEST(Lion, SignIsOfTheAverageBeforeItsOwnUpdate) {
  const Parameter parameter = one_of(0.0, 1.0);
  Lion optimizer({parameter}, {.beta1 = 0.9, .beta2 = 0.5});
  optimizer.step(1.0);                         // m = 0.5
  parameter.value.mutable_grad().fill_(-1.0);  // 0.9·0.5 − 0.1 > 0
  optimizer.step(1.0);
  EXPECT_EQ(parameter.value.item<double>(), -2.0);
  EXPECT_EQ(optimizer.state_dict().at("p.exp_avg").item<double>(), -0.25);
}

TEST(Lion, DecaysBeforeTheStep) {
  const Parameter parameter = one_of(2.0, 1.0);
  Lion optimizer({parameter}, {.weight_decay = 0.5});
  optimizer.step(0.5);
  EXPECT_EQ(parameter.value.item<double>(), 2.0 * 0.75 - 0.5);
}

// The table of the specification: steps below half an ulp of the weight add up in the compensation.
TEST(Lion, Bfloat16KeepsWhatRoundingLoses) {
  const Parameter parameter =
      parameter_of("p", at::ones({1}, at::kBFloat16), at::ones({1}, at::kBFloat16));
  Lion optimizer({parameter}, {});
  const auto expect = [&](double value, double compensation) {
    EXPECT_EQ(parameter.value.item<double>(), value);
    EXPECT_EQ(optimizer.state_dict().at("p.kahan_comp").item<double>(), compensation);
  };
  for (int step = 0; step < 19; ++step) optimizer.step(1e-4);
  expect(1.0, -0.00189208984375);
  optimizer.step(1e-4);
  expect(0.99609375, 0.0019073486328125);
  for (int step = 20; step < 100; ++step) optimizer.step(1e-4);
  expect(0.98828125, 0.00176239013671875);
}

TEST(Lion, NothingToTrainIsNoError) {
  Lion optimizer({}, {});
  optimizer.step(0.1);
  EXPECT_TRUE(optimizer.state_dict().empty());
}

}  // namespace
}  // namespace omnigen::optim
