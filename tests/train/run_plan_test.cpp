#include "train/run_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/memory_dataset.h"

namespace omnigen::train {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

std::vector<LoaderSet> make_sets() {
  auto subject = std::make_shared<test::MemoryDataset>("subject");
  for (int i = 0; i < 12; ++i) subject->add(fmt::format("{:02}.png", i), i < 4 ? 512 : 1024, 512);
  auto prior = std::make_shared<test::MemoryDataset>("prior");
  prior->add("a.png", 512, 512);
  return {{{subject, 1000}, false}, {{prior, 0}, true}};
}

TEST(RunPlan, CountsSamplesWithTheirRepeats) {
  const RunPlan plan = make_plan(make_sets(), {1, 2, 4}, 100, 0);
  EXPECT_EQ(plan.samples_per_epoch, 12 * 1001 + 1);
  EXPECT_EQ(plan.total_steps, 100);
  EXPECT_DOUBLE_EQ(plan.epochs, 800.0 / 12013.0);
}

TEST(RunPlan, EpochsGiveSteps) {
  EXPECT_EQ(make_plan(make_sets(), {1, 2, 4}, 0, 2.0).total_steps, 3004);  // ceil(24026 / 8)
}

TEST(RunPlan, BannerSaysWhatARunWillDo) {
  const auto lines = describe(make_plan(make_sets(), {1, 2, 4}, 100, 0));
  EXPECT_THAT(lines, Contains(HasSubstr("images 12, repeats 1000, samples per epoch 12012")));
  EXPECT_THAT(lines, Contains(HasSubstr("1024x512: 8, 512x512: 4")));
  EXPECT_THAT(lines, Contains(HasSubstr("regularisation")));
  EXPECT_THAT(lines,
              Contains(HasSubstr("effective batch 8 = 1 per rank x 4 ranks x 2 accumulation")));
  EXPECT_THAT(lines, Contains(HasSubstr("optimization steps 100")));
}

}  // namespace
}  // namespace omnigen::train
