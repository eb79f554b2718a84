// What a run says that it will take, and the memory budget.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "end_to_end/workspace.h"

namespace omnigen::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST(Forecast, IsSaidBeforeTheFirstStepAndComparedAfterSome) {
  Workspace workspace;
  workspace.config["gradient_checkpointing"] = false;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome outcome = workspace.train("run", 2, {"--max_train_steps=22"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output,
              ContainsRegex("memory per rank: 0\\.[0-9]+ GiB at the peak of a step, of [0-9]"));
  EXPECT_THAT(outcome.output, HasSubstr("computed again in the backward pass: nothing"));
  EXPECT_THAT(outcome.output, ContainsRegex("a step takes .* for 22 steps"));
  EXPECT_THAT(outcome.output, HasSubstr("forecast and 18 steps: a step takes"));
}

TEST(Forecast, ABudgetRecomputesBlocksAndChangesNoLoss) {
  Workspace workspace;
  workspace.config["gradient_checkpointing"] = false;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("plain", 1, {"--max_train_steps=3"}).exit_code, 0);
  workspace.config["gradient_checkpointing"] = true;
  const Outcome frugal = workspace.train("frugal", 1, {"--max_train_steps=3"});
  ASSERT_EQ(frugal.exit_code, 0) << frugal.output;
  EXPECT_THAT(frugal.output, ContainsRegex("backward pass: [0-9]+ of [0-9]+ blocks"));
  const auto plain = workspace.metrics("plain");
  for (const auto& [step, values] : workspace.metrics("frugal")) {
    EXPECT_EQ(values.at("train_loss"), plain.at(step).at("train_loss"));
  }
}

// The same samples in fewer, larger micro-batches: the same losses, at one rank and at two.
TEST(MicroBatchTokens, ChangeHowSamplesArePutTogetherAndNothingElse) {
  Workspace workspace;
  workspace.config["train_batch_size"] = 1;
  workspace.config["gradient_accumulation_steps"] = 4;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  ASSERT_EQ(workspace.train("one_by_one", 1, {"--max_train_steps=3"}).exit_code, 0);
  const Outcome together =
      workspace.train("together", 1, {"--max_train_steps=3", "--micro_batch_tokens=100000"});
  ASSERT_EQ(together.exit_code, 0) << together.output;
  EXPECT_THAT(together.output, HasSubstr("micro-batches of up to 100000 tokens"));
  const Outcome alone =  // no sample is as short as that
      workspace.train("alone", 1, {"--max_train_steps=3", "--micro_batch_tokens=1"});
  ASSERT_EQ(alone.exit_code, 0) << alone.output;
  const auto expected = workspace.metrics("one_by_one");
  for (const char* run : {"together", "alone"}) {
    for (const auto& [step, values] : workspace.metrics(run)) {
      const auto loss = expected.at(step).at("train_loss").get<double>();
      EXPECT_NEAR(values.at("train_loss").get<double>(), loss, kEqualLosses * loss) << run;
    }
  }
}

TEST(Forecast, ABudgetThatIsTooSmallIsRefusedBeforeTheFirstStep) {
  Workspace workspace;
  ASSERT_EQ(workspace.build_cache().exit_code, 0);
  const Outcome outcome =
      workspace.train("run", 1, {"--max_train_steps=3", "--memory_budget=0.01"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
  EXPECT_THAT(outcome.output,
              ContainsRegex("needs 0\\.[0-9]+ GiB a rank with every block recomputed, more than "
                            "the 0\\.01 GiB of memory_budget; try:"));
}

}  // namespace
}  // namespace omnigen::test
