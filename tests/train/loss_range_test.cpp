#include "train/loss_range.h"

#include <gtest/gtest.h>

namespace omnigen::train {
namespace {

// The table of irreducible errors for one Gaussian mode (docs/numerics.md, "Why the loss looks
// high").
TEST(LossRange, MatchesTheTableOfModeErrors) {
  EXPECT_NEAR(expected_mode_error(1.0), 1.741, 1e-3);
  EXPECT_NEAR(expected_mode_error(0.5), 1.210, 1e-3);
  EXPECT_NEAR(expected_mode_error(0.25), 0.811, 1e-3);
  EXPECT_NEAR(expected_mode_error(0.1), 0.453, 1e-3);
  EXPECT_NEAR(expected_mode_error(0.01), 0.081, 1e-3);
}

TEST(LossRange, WhiteLatentsGiveTheWhiteFloor) {
  at::manual_seed(1);
  const LossRange range = expected_loss({at::randn({4, 64, 64}), at::randn({4, 32, 96})});
  EXPECT_NEAR(range.zero_predictor, 2.0, 0.05);
  EXPECT_NEAR(range.spectrum_only, 1.741, 0.03);
}

TEST(LossRange, SmoothLatentsHaveALowerFloor) {
  const at::Tensor ramp = at::linspace(-1.7, 1.7, 64).expand({4, 64, 64});
  const LossRange range = expected_loss({ramp});
  EXPECT_LT(range.spectrum_only, 1.741 / 3);  // not near 0: the ramp's ends meet in an edge
  EXPECT_NEAR(range.zero_predictor, 1.0 + ramp.square().mean().item<double>(), 1e-6);
}

}  // namespace
}  // namespace omnigen::train
