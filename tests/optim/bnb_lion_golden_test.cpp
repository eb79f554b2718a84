#include <gtest/gtest.h>

#include "optim/coded_golden.h"

namespace omnigen::optim {
namespace {

TEST(BnbLionGolden, MatchesBitsandbytes) {
  expect_golden_cases("bitsandbytes.Lion8bit", {"1"});
}

}  // namespace
}  // namespace omnigen::optim
