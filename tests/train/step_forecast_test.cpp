#include "train/step_forecast.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/memory_dataset.h"

namespace omnigen::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Workload, MeanAndLargestOfWhatIsDrawn) {
  auto pictures = std::make_shared<test::MemoryDataset>("pictures");
  pictures->add("a.png", 512, 512);
  pictures->add("b.png", 1024, 1024);
  auto prior = std::make_shared<test::MemoryDataset>("prior");
  prior->add("c.png", 512, 512);
  const SampleLoader loader({{{pictures, 2}, false}, {{prior, 0}, true}}, {});
  const SampleCost cost(model::TransformerConfig{}, false);
  const Workload workload = workload_of(loader, cost);
  EXPECT_EQ(workload.largest, (data::SampleRef{0, 1, 0}));
  const double small = cost.flop({3, 64 * 64}, false);
  const double large = cost.flop({3, 128 * 128}, false);
  EXPECT_DOUBLE_EQ(workload.largest_flop, large);
  EXPECT_DOUBLE_EQ(workload.mean_flop,
                   (3 * small + 3 * large + cost.flop({3, 64 * 64}, true)) / 7.0);
}

TEST(Workload, OfALargeSetSomeThousandAreLookedAt) {
  auto pictures = std::make_shared<test::MemoryDataset>("pictures");
  for (int i = 0; i < 5000; ++i) pictures->add(fmt::format("{:04}.png", i), 512, 512);
  const SampleCost cost(model::TransformerConfig{}, false);
  const Workload workload = workload_of(SampleLoader({{{pictures, 0}, false}}, {}), cost);
  EXPECT_DOUBLE_EQ(workload.mean_flop, cost.flop({3, 64 * 64}, false));
}

TEST(StepForecast, SaysWhatARunWillTake) {
  StepForecast forecast;
  forecast.recompute.of_block.assign(4, model::Recompute::kNone);
  forecast.compute_s = 0.4;
  forecast.reduce_s = 0.1;
  forecast.peak_bytes = int64_t{3} << 29;
  forecast.budget_bytes = int64_t{8} << 30;
  RunPlan plan;
  plan.batch = {2, 1, 4};
  plan.total_steps = 130;
  plan.start_step = 10;
  EXPECT_THAT(describe(forecast, plan),
              ElementsAre(HasSubstr("1.50 GiB at the peak of a step, of 8.00 GiB"),
                          HasSubstr("computed again in the backward pass: nothing"),
                          HasSubstr("a step takes 0.5 s (0.4 computing, 0.1 summing gradients "
                                    "over 4 ranks), 16 samples/s: 1m00s for 120 steps")));
}

}  // namespace
}  // namespace omnigen::train
