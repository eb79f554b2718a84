// Comparison of bitsandbytes' optimizers with their golden cases. A code or a sign that tips where
// two computations differ in the last bit moves single elements, so 8-bit tensors are compared by
// shares.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "optim/golden_run.h"

namespace omnigen::optim {

inline void expect_few(const at::Tensor& tipped) {
  EXPECT_TENSOR_NEAR(tipped.to(at::kDouble).mean(), at::zeros({}, at::kDouble), test::kTippedShare);
}

inline void expect_codes(const at::Tensor& actual, const at::Tensor& expected) {
  ASSERT_EQ(actual.scalar_type(), at::kByte);
  const at::Tensor off = (actual.to(at::kInt) - expected.to(at::kInt)).abs();
  EXPECT_LE(off.max().item<int>(), 1);
  expect_few(off > 0);
}

inline void expect_coded_parameter(const at::Tensor& actual, const at::Tensor& expected) {
  // One rounding of a bfloat16 weight may tip as well.
  const double rounding = expected.scalar_type() == at::kFloat ? 0.0 : 1.0 / 256.0;
  const at::Tensor wanted = expected.to(at::kDouble);
  const at::Tensor allowed =
      wanted.abs() * rounding + wanted.abs().max() * test::kCodedParameters.relative_to_peak;
  const at::Tensor off = (actual.detach().to(at::kDouble) - wanted).abs();
  expect_few(off > allowed);
}

// `moments`: state numbers, "1" for Lion, "1" and "2" for AdamW.
inline void expect_golden_step(const GoldenRun& run, const Parameter& parameter,
                               const std::vector<std::string>& moments) {
  const at::Tensor expected = run.expected_parameter(parameter.name);
  bool coded = false;
  for (const std::string& moment : moments) {
    const at::Tensor state = run.expected_state("state" + moment, parameter.name);
    const at::Tensor own = run.state(parameter.name + ".state" + moment);
    coded = state.scalar_type() == at::kByte;
    if (!coded) {
      EXPECT_TENSOR_NEAR(own, state, test::kBnbState);
      continue;
    }
    expect_codes(own, state);
    EXPECT_TENSOR_NEAR(run.state(parameter.name + ".absmax" + moment),
                       run.expected_state("absmax" + moment, parameter.name), test::kBnbState);
  }
  if (coded || expected.scalar_type() != at::kFloat) {
    expect_coded_parameter(parameter.value, expected);
  } else {
    EXPECT_TENSOR_NEAR(parameter.value, expected, test::kBnbParameters);
  }
}

inline void expect_golden_cases(const std::string& library_class,
                                const std::vector<std::string>& moments) {
  for (const test::GoldenCase& golden : optimizer_cases(library_class)) {
    int num_compared = 0;
    for (GoldenRun run(golden); run.step();) {
      for (const Parameter& parameter : run.parameters()) {
        if (!run.expected_parameter(parameter.name).defined()) continue;
        SCOPED_TRACE(fmt::format("{} {} step {}", golden.name(), parameter.name, run.steps_done()));
        expect_golden_step(run, parameter, moments);
        ++num_compared;
      }
    }
    EXPECT_GT(num_compared, 0);
  }
}

}  // namespace omnigen::optim
