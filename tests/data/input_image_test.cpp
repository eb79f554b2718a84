#include "data/input_image.h"

#include <gtest/gtest.h>

#include "data/test_images.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

PixelSize planned(PixelSize source, int64_t max_image_size, bool keep = true) {
  const InputImagePlan plan = plan_input_image(source, max_image_size, keep);
  return {plan.crop.width, plan.crop.height};
}

TEST(InputImage, KeepsTheShapeWithinTheLimit) {  // model.md 10, data.md 3.9
  EXPECT_EQ(planned({1000, 700}, 1024), (PixelSize{992, 688}));
  EXPECT_EQ(planned({3000, 2000}, 1024), (PixelSize{1024, 672}));
  EXPECT_EQ(planned({2049, 4097}, 1024), (PixelSize{512, 1024}));
  EXPECT_EQ(planned({5000, 300}, 1024), (PixelSize{1024, 48}));
  EXPECT_EQ(planned({40, 9}, 1024), (PixelSize{64, 16}));
  EXPECT_EQ(planned({1366, 768}, 512), (PixelSize{512, 288}));
  EXPECT_EQ(planned({4000, 3000}, 1024), (PixelSize{1024, 768}));
  EXPECT_EQ(planned({2000, 12}, 1024), (PixelSize{2720, 16}));
}

TEST(InputImage, CutsTheSmallerHalfOfTheRemainderFromTheStart) {
  const InputImagePlan plan = plan_input_image({500, 300}, 1024, true);
  EXPECT_TRUE(plan.steps.empty());
  EXPECT_EQ(plan.crop.left, 2);
  EXPECT_EQ(plan.crop.top, 6);
}

TEST(InputImage, MakesASquareWhenTheShapeIsNotKept) {
  EXPECT_EQ(planned({500, 300}, 512, false), (PixelSize{512, 512}));
  const InputImagePlan plan = plan_input_image({3000, 2100}, 1024, false);
  ASSERT_EQ(plan.steps.size(), 2U);  // halved, then to 1024 on the shorter edge
  EXPECT_EQ(plan.steps[1].size, (PixelSize{1463, 1024}));
  EXPECT_EQ(plan.crop.left, 219);
}

TEST(InputImage, AppliesItsSteps) {
  const InputImagePlan plan = plan_input_image({260, 133}, 64, true);
  const Image image = apply_input_plan(test::noise_image(260, 133), plan);
  EXPECT_EQ(image.width, 64);
  EXPECT_EQ(image.height, 32);
  EXPECT_EQ(image.pixels.size(), 64U * 32U * 3U);
}

TEST(InputImage, RefusesALimitThatIsNoMultipleOf16) {
  EXPECT_THROW(plan_input_image({100, 100}, 1000, true), util::ConfigError);
}

}  // namespace
}  // namespace omnigen::data
