#include <gtest/gtest.h>

#include "optim/coded_golden.h"

namespace omnigen::optim {
namespace {

TEST(BnbAdamWGolden, MatchesBitsandbytes) {
  expect_golden_cases("bitsandbytes.AdamW8bit", {"1", "2"});
}

}  // namespace
}  // namespace omnigen::optim
