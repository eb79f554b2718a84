#include <gtest/gtest.h>

#include "optim/golden_run.h"

namespace omnigen::optim {
namespace {

void expect_prodigy_states(const GoldenRun& run, const std::string& name) {
  for (const char* kind : {"exp_avg", "exp_avg_sq", "s", "p0"}) {
    const at::Tensor expected = run.expected_state(kind, name);
    if (!expected.defined()) continue;  // no first moment with beta1 = 0
    const at::Tensor actual = run.state(name + "." + kind);
    // p0 of a tensor that begins at 0 is one 0 there.
    EXPECT_TENSOR_NEAR(actual, expected.expand_as(actual), test::kProdigy);
  }
}

void run_prodigy(const test::GoldenCase& golden) {
  int num_compared = 0;
  for (GoldenRun run(golden); run.step();) {
    SCOPED_TRACE(fmt::format("step {}", run.steps_done()));
    EXPECT_TENSOR_NEAR(run.state("d"), at::scalar_tensor(run.expected_number("d"), at::kDouble),
                       test::kProdigy);
    for (const Parameter& parameter : run.parameters()) {
      const at::Tensor expected = run.expected_parameter(parameter.name);
      if (!expected.defined()) continue;
      SCOPED_TRACE(parameter.name);
      EXPECT_TENSOR_NEAR(parameter.value, expected, test::kProdigy);
      expect_prodigy_states(run, parameter.name);
      ++num_compared;
    }
  }
  EXPECT_GT(num_compared, 0);
}

TEST(ProdigyGolden, MatchesProdigyopt) {
  for (const test::GoldenCase& golden : optimizer_cases("prodigyopt.Prodigy")) {
    SCOPED_TRACE(golden.name());
    run_prodigy(golden);
  }
}

}  // namespace
}  // namespace omnigen::optim
