#include "util/student_t.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "util/error.h"

namespace omnigen::util {
namespace {

// Two-sided 95 % and 99 %.
TEST(StudentT, QuantilesAreThoseOfTheTables) {
  const std::vector<std::pair<int64_t, double>> at_95 = {
      {1, 12.7062047361747},    {2, 4.30265272974946},     {3, 3.18244630528371},
      {4, 2.77644510519779},    {7, 2.36462425159278},     {27, 2.0518305164802833},
      {30, 2.0422724563012373}, {1000, 1.9623390808264078}};
  for (const auto& [degrees, expected] : at_95) {
    EXPECT_NEAR(student_t_quantile(0.95, degrees), expected, 1e-9) << degrees;
  }
  EXPECT_NEAR(student_t_quantile(0.99, 5), 4.03214298355521, 1e-9);
  EXPECT_THROW(student_t_quantile(0.95, 0), Error);
}

}  // namespace
}  // namespace omnigen::util
