#include <gtest/gtest.h>

#include "optim/golden_run.h"

namespace omnigen::optim {
namespace {

// bfloat16 has to be equal: every operation rounds as torch's does.
void expect_same(const at::Tensor& actual, const at::Tensor& expected) {
  if (expected.scalar_type() == at::kFloat) {
    EXPECT_TENSOR_NEAR(actual, expected, test::kLion);
  } else {
    EXPECT_TENSOR_EQ(actual, expected);
  }
}

void run_lion(const test::GoldenCase& golden) {
  int num_compared = 0;
  for (GoldenRun run(golden); run.step();) {
    for (const Parameter& parameter : run.parameters()) {
      const at::Tensor expected = run.expected_parameter(parameter.name);
      if (!expected.defined()) continue;
      SCOPED_TRACE(fmt::format("{} step {}", parameter.name, run.steps_done()));
      expect_same(parameter.value.detach(), expected);
      for (const char* kind : {"exp_avg", "kahan_comp"}) {
        const at::Tensor state = run.expected_state(kind, parameter.name);
        if (state.defined()) expect_same(run.state(parameter.name + "." + kind), state);
      }
      ++num_compared;
    }
  }
  EXPECT_GT(num_compared, 0);
}

TEST(LionGolden, MatchesOptimi) {
  for (const test::GoldenCase& golden : optimizer_cases("optimi.Lion")) {
    SCOPED_TRACE(golden.name());
    run_lion(golden);
  }
}

}  // namespace
}  // namespace omnigen::optim
