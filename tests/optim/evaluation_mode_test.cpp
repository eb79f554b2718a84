#include "optim/evaluation_mode.h"

#include <gtest/gtest.h>

#include "optim/adamw.h"
#include "optim/prodigy_plus.h"
#include "optim/test_parameters.h"
#include "support/tensor_near.h"

namespace omnigen::optim {
namespace {

TEST(EvaluationMode, ShowsTheAverageAndGivesTheTrainedWeightsBack) {
  const Parameter parameter = parameter_of("p", at::randn({4, 3}), at::randn({4, 3}));
  ProdigyPlus optimizer({parameter}, {.d0 = 0.1});
  for (int step = 0; step < 5; ++step) optimizer.step(1.0);
  const at::Tensor trained = parameter.value.detach().clone();
  const at::Tensor averaged = optimizer.evaluation_weights().at(0);
  ASSERT_FALSE(at::equal(trained, averaged));
  {
    const EvaluationMode evaluation(optimizer);
    EXPECT_TENSOR_EQ(parameter.value.detach(), averaged);
  }
  EXPECT_TENSOR_EQ(parameter.value.detach(), trained);
}

TEST(EvaluationMode, LeavesWeightsAloneThatAreMeasuredAsTheyAre) {
  const Parameter parameter = one_of(2.0, 1.0);
  const AdamW optimizer({parameter}, {});
  const EvaluationMode evaluation(optimizer);
  EXPECT_EQ(parameter.value.item<double>(), 2.0);
}

}  // namespace
}  // namespace omnigen::optim
