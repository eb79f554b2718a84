#include "optim/adafactor.h"

#include <gtest/gtest.h>

#include "optim/test_parameters.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

TEST(Adafactor, FirstStepIsRelativeToTheWeightsSize) {
  const Parameter parameter = parameter_of("p", at::full({4}, -2.0), at::full({4}, 0.3));
  Adafactor optimizer({parameter}, {});
  optimizer.step(0.01);  // RMS(p) = 2, and one step has U = sign(g)
  EXPECT_TENSOR_NEAR(parameter.value, at::full({4}, -2.02), test::kAdafactor);
}

TEST(Adafactor, ATensorOfZerosStartsWithTheSmallestScale) {
  const Parameter parameter = parameter_of("p", at::zeros({4, 4}), at::ones({4, 4}));
  Adafactor optimizer({parameter}, {});
  optimizer.step(0.01);
  EXPECT_TENSOR_NEAR(parameter.value, at::full({4, 4}, -1e-5), test::kAdafactor);
}

TEST(Adafactor, TheRateNeverExceedsTheInverseRootOfTheStep) {
  const Parameter parameter = one_of(1.0, 1.0);
  Adafactor optimizer({parameter}, {});
  for (int step = 0; step < 4; ++step) optimizer.step(0.0);
  optimizer.step(100.0);  // 1/√5
  EXPECT_NEAR(parameter.value.item<double>(), 1.0 - 0.4472136, 1e-6);
}

TEST(Adafactor, MatricesKeepRowsAndColumnsOnly) {
  const Adafactor optimizer({parameter_of("m", at::ones({5, 3}), at::ones({5, 3})),
                             parameter_of("v", at::ones({7}), at::ones({7}))},
                            {});
  const NamedTensors state = optimizer.state_dict();
  EXPECT_EQ(state.at("m.row_var").sizes(), (std::vector<int64_t>{5, 1}));
  EXPECT_EQ(state.at("m.col_var").sizes(), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(state.at("v.variance").sizes(), (std::vector<int64_t>{7}));
  EXPECT_EQ(state.size(), 4U);  // and the step
}

TEST(Adafactor, DecayIsTimesTheRate) {
  const Parameter parameter = one_of(2.0, 0.0);
  Adafactor optimizer({parameter}, {.weight_decay = 0.1});
  optimizer.step(0.5);
  EXPECT_NEAR(parameter.value.item<double>(), 2.0 * 0.95, 1e-6);
}

}  // namespace
}  // namespace omnigen::optim
