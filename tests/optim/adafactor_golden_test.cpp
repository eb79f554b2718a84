#include <gtest/gtest.h>

#include "optim/golden_run.h"

namespace omnigen::optim {
namespace {

void run_adafactor(const test::GoldenCase& golden) {
  int num_compared = 0;
  for (GoldenRun run(golden); run.step();) {
    for (const Parameter& parameter : run.parameters()) {
      const at::Tensor expected = run.expected_parameter(parameter.name);
      if (!expected.defined()) continue;
      SCOPED_TRACE(fmt::format("{} step {}", parameter.name, run.steps_done()));
      EXPECT_TENSOR_NEAR(parameter.value, expected, test::kAdafactor);
      for (const char* kind : {"row_var", "col_var", "variance"}) {
        const at::Tensor state = run.expected_state(kind, parameter.name);
        if (!state.defined()) continue;
        EXPECT_TENSOR_NEAR(run.state(parameter.name + "." + kind), state, test::kAdafactor);
        ++num_compared;
      }
    }
  }
  EXPECT_GT(num_compared, 0);
}

TEST(AdafactorGolden, MatchesTorch) {
  for (const test::GoldenCase& golden : optimizer_cases("torch.Adafactor")) {
    SCOPED_TRACE(golden.name());
    run_adafactor(golden);
  }
}

}  // namespace
}  // namespace omnigen::optim
