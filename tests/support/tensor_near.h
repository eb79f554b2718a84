// Comparisons of tensors. Errors are relative to the peak: largest absolute difference divided by
// the largest absolute value expected.
#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <string>

#include "support/tolerance.h"

namespace omnigen::test {

double error_to_peak(const at::Tensor& actual, const at::Tensor& expected);

::testing::AssertionResult tensor_near(const at::Tensor& actual, const at::Tensor& expected,
                                       const Tolerance& tolerance, const std::string& what);
::testing::AssertionResult tensor_equal(const at::Tensor& actual, const at::Tensor& expected,
                                        const std::string& what);

}  // namespace omnigen::test

// The largest error of each tolerance is printed at the end of a golden test program.
#define EXPECT_TENSOR_NEAR(actual, expected, tolerance) \
  EXPECT_TRUE(::omnigen::test::tensor_near(actual, expected, tolerance, #actual))
#define EXPECT_TENSOR_EQ(actual, expected) \
  EXPECT_TRUE(::omnigen::test::tensor_equal(actual, expected, #actual))
