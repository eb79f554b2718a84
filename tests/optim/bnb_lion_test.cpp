#include "optim/bnb_lion.h"

#include <gtest/gtest.h>

#include "optim/lion.h"
#include "optim/test_parameters.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

TEST(BnbLion, MovesByTheRateAndDecaysBefore) {
  const Parameter parameter = one_of(2.0, -1e-6);
  BnbLion optimizer({parameter}, {.weight_decay = 0.5});
  optimizer.step(0.5);
  EXPECT_EQ(parameter.value.item<double>(), 2.0 * 0.75 + 0.5);
}

TEST(BnbLion, LargeTensorsHaveCodesAndSmallOnesValues) {
  const BnbLion optimizer({parameter_of("large", at::ones({64, 64}), at::ones({64, 64})),
                           parameter_of("small", at::ones({4095}), at::ones({4095}))},
                          {});
  const NamedTensors state = optimizer.state_dict();
  EXPECT_EQ(state.at("large.state1").scalar_type(), at::kByte);
  EXPECT_EQ(state.at("large.absmax1").numel(), 16);
  EXPECT_EQ(state.at("small.state1").scalar_type(), at::kFloat);
  EXPECT_FALSE(state.contains("small.absmax1"));
}

// 100 updates against the same rule with a moment in float32.
TEST(BnbLion, SignsOfEightBitsAgreeWithThoseOfThirtyTwo) {
  at::manual_seed(5);
  const Parameter coded = parameter_of("p", at::zeros({8192}), at::zeros({8192}));
  const Parameter exact = parameter_of("p", at::zeros({8192}), at::zeros({8192}));
  BnbLion optimizer({coded}, {});
  Lion reference({exact}, {});
  const at::Tensor drift = at::randn({8192});
  double agreeing = 0;
  for (int step = 0; step < 100; ++step) {
    const at::Tensor before_coded = coded.value.detach().clone();
    const at::Tensor before_exact = exact.value.detach().clone();
    const at::Tensor grad = drift + at::randn({8192});
    coded.value.mutable_grad().copy_(grad);
    exact.value.mutable_grad().copy_(grad);
    optimizer.step(1e-3);
    reference.step(1e-3);
    agreeing += at::eq((coded.value.detach() - before_coded).sign(),
                       (exact.value.detach() - before_exact).sign())
                    .to(at::kDouble)
                    .mean()
                    .item<double>();
  }
  EXPECT_GE(agreeing / 100, 0.99);
}

}  // namespace
}  // namespace omnigen::optim
