#include <gtest/gtest.h>

#include "optim/golden_run.h"

namespace omnigen::optim {
namespace {

// The estimate is a quotient of sums whose terms cancel. How far two computations drift apart
// depends on what holds it back: not its own limits, or weight decay that works against the drift
// of z.
const test::Tolerance& tolerance_of(const nlohmann::json& config, int64_t steps_done) {
  constexpr int64_t kBeforeGrowth = 10;
  if (config.value("weight_decay", 0.0) > 0 && config.value("use_schedulefree", true)) {
    return steps_done <= kBeforeGrowth ? test::kProdigyPlusLoose : test::kProdigyPlusDecay;
  }
  const bool held = config.value("use_stableadamw", true) && config.value("d_limiter", true);
  return held ? test::kProdigyPlus : test::kProdigyPlusLoose;
}

void expect_states(const GoldenRun& run, const std::string& name,
                   const test::Tolerance& tolerance) {
  for (const char* kind : {"z", "exp_avg", "exp_avg_sq", "exp_avg_sq_row", "exp_avg_sq_col"}) {
    const at::Tensor expected = run.expected_state(kind, name);
    if (!expected.defined()) continue;
    EXPECT_TENSOR_NEAR(run.state(name + "." + kind), expected, tolerance);
  }
  const at::Tensor p0 = run.expected_state("p0", name);
  if (!p0.defined()) return;  // the reference drops it when d is frozen
  // p0 of a tensor that begins at 0 is one 0 there.
  EXPECT_TENSOR_EQ(run.state(name + ".p0"), p0.expand_as(run.state(name + ".p0")));
  EXPECT_TENSOR_NEAR(run.state(name + ".s"), run.expected_state("s", name),
                     test::kProdigyPlusSlice);
}

void expect_evaluation_weights(const test::GoldenCase& golden, const GoldenRun& run,
                               const test::Tolerance& tolerance) {
  const std::vector<at::Tensor> weights = run.optimizer().evaluation_weights();
  EXPECT_EQ(weights.empty(), golden.names_below("eval_param.").empty());
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_TENSOR_NEAR(weights[i], golden["eval_param." + run.parameters()[i].name], tolerance);
  }
}

void run_prodigy_plus(const test::GoldenCase& golden) {
  const auto& config = golden.json.at("config");
  GoldenRun run(golden);
  int num_compared = 0;
  while (run.step()) {
    SCOPED_TRACE(fmt::format("step {}", run.steps_done()));
    const test::Tolerance& tolerance = tolerance_of(config, run.steps_done());
    for (const char* number : {"d", "weight_sum"}) {
      EXPECT_TENSOR_NEAR(run.state(number),
                         at::scalar_tensor(run.expected_number(number), at::kDouble), tolerance);
    }
    for (const Parameter& parameter : run.parameters()) {
      const at::Tensor expected = run.expected_parameter(parameter.name);
      if (!expected.defined()) continue;
      SCOPED_TRACE(parameter.name);
      EXPECT_TENSOR_NEAR(parameter.value, expected, tolerance);
      expect_states(run, parameter.name, tolerance);
      ++num_compared;
    }
  }
  EXPECT_GT(num_compared, 0);
  expect_evaluation_weights(golden, run, tolerance_of(config, run.steps_done()));
}

TEST(ProdigyPlusGolden, MatchesThePackage) {
  for (const test::GoldenCase& golden : optimizer_cases("prodigyplus.ProdigyPlusScheduleFree")) {
    SCOPED_TRACE(golden.name());
    run_prodigy_plus(golden);
  }
}

}  // namespace
}  // namespace omnigen::optim
