#include "report/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/run_series.h"

namespace omnigen::report {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int64_t kSteps = 1000;

RunRecords run_of(const test::Course& train_mean, const test::Course& eval_mean) {
  RunRecords records;
  records.state = {{"state", "complete"}, {"step", kSteps}, {"total_steps", kSteps}};
  records.run = {{"expected_loss", {{"zero_predictor", 2.0}}}};
  const TrainingLoss loss = test::training(kSteps, train_mean);
  records.metrics.series["train_loss"] = {loss.steps, loss.values};
  records.evaluations.push_back(test::evaluations(kSteps, eval_mean));
  return records;
}

std::vector<std::string> codes_of(const Verdict& verdict) {
  std::vector<std::string> codes;
  for (const Finding& finding : verdict.findings) codes.push_back(finding.code);
  return codes;
}

TEST(Judge, AGoodRunIsSaidToLearn) {
  const Verdict verdict = judge(run_of(test::falling, test::falling));
  EXPECT_EQ(verdict.tone, Tone::kGood);
  EXPECT_THAT(verdict.headline, StartsWith("It learns: at step 1000"));
  EXPECT_EQ(codes_of(verdict), std::vector<std::string>{"learns"});
}

TEST(Judge, AnOverfitRunIsToldSo) {
  RunRecords records = run_of(test::falling, test::falling_then_rising);
  records.best = {{"checkpoint", "checkpoint-300-best"}};
  const Verdict verdict = judge(records);
  EXPECT_EQ(verdict.tone, Tone::kBad);
  EXPECT_THAT(verdict.headline, StartsWith("Overfit since step 300"));
  EXPECT_THAT(verdict.findings.at(0).advice, HasSubstr("checkpoint-300-best"));
}

TEST(Judge, WhatLearntAndThenLostALittleIsToldBoth) {
  const Verdict verdict =
      judge(run_of(test::falling, [](double share) { return 0.35 + std::abs(share - 0.5) * 0.1; }));
  EXPECT_EQ(verdict.tone, Tone::kWarning);
  EXPECT_THAT(verdict.headline,
              AllOf(StartsWith("It learns:"), HasSubstr("But: overfit since step 500")));
}

TEST(Judge, ALearningRateThatIsTooHighIsNotCalledOverfit) {
  const auto diverged = [](double share) { return share < 0.05 ? 0.5 : 3.0; };
  const Verdict verdict = judge(run_of(diverged, diverged));
  EXPECT_EQ(verdict.tone, Tone::kBad);
  EXPECT_THAT(verdict.headline, StartsWith("The learning rate is too high"));
  EXPECT_EQ(codes_of(verdict), std::vector<std::string>{"rate_too_high"});
}

TEST(Judge, WithoutAnEvaluationTheTrainingLossSpeaks) {
  RunRecords records = run_of(test::falling, test::falling);
  records.evaluations.clear();
  EXPECT_THAT(judge(records).headline, StartsWith("The training loss falls"));
}

TEST(Judge, AFailureComesFirstAndTooLittleIsSaidToBe) {
  RunRecords records = run_of(test::falling, test::falling);
  records.state = {{"state", "failed"}, {"step", 7}, {"error", "fatal: disk full"}};
  EXPECT_EQ(judge(records).headline, "The run failed at step 7: fatal: disk full");
  RunRecords young;
  young.state = {{"state", "training"}, {"step", 2}, {"total_steps", 10}};
  const Verdict verdict = judge(young);
  EXPECT_THAT(verdict.headline, StartsWith("Too early to tell"));
  EXPECT_THAT(verdict.findings.at(0).text, HasSubstr("training, step 2 of 10"));
}

TEST(FindSkippedSteps, NamesThem) {
  MetricsFile metrics;
  EXPECT_FALSE(find_skipped_steps(metrics).has_value());
  metrics.series["train_loss"] = {{1, 2, 3}, {0.5, INFINITY, 0.5}};
  EXPECT_EQ(find_skipped_steps(metrics)->text,
            "1 step with a loss or gradient that is not finite was skipped: 2.");
  metrics.series["grad_norm"] = {{1, 2, 3}, {INFINITY, INFINITY, 1.0}};
  EXPECT_THAT(find_skipped_steps(metrics)->text, StartsWith("2 steps"));
}

TEST(FindWaiting, IsAShareOfTheStepWithoutTheFirst) {
  MetricsFile metrics;
  metrics.series["perf/step_seconds"] = {{1, 2, 3}, {9.0, 1.0, 1.0}};
  metrics.series["perf/data_wait_seconds"] = {{1, 2, 3}, {9.0, 0.3, 0.3}};
  metrics.series["perf/reduce_seconds"] = {{1, 2, 3}, {0.0, 0.1, 0.1}};
  auto found = find_waiting(metrics);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].text, "Data wait is 30 % of a step.");
  metrics.series["perf/data_wait_seconds"].values = {9.0, 0.0, 0.0};
  metrics.series["perf/reduce_seconds"].values = {9.0, 0.4, 0.4};
  found = find_waiting(metrics);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "reduce_wait");
}

TEST(FindFewImages, CountsWhatIsUsedAndWhatIsThere) {
  RunRecords records = run_of(test::falling, test::falling);
  records.config = {{"num_eval_images", 4}};
  EXPECT_THAT(find_few_images(records)->text, StartsWith("Evaluations are over 4 images only"));
  records.config = {{"num_eval_images", 8}};
  EXPECT_FALSE(find_few_images(records).has_value());
  records.run["data_sets"] = {{{"kind", "evaluation"}, {"images", 1}}};
  EXPECT_THAT(find_few_images(records)->text, StartsWith("Evaluations are over 1 image only"));
}

TEST(Judge, PassesOnDoubtsAndDamage) {
  RunRecords records = run_of(test::falling, test::falling);
  records.run["doubts"] = {"3 pictures are trained on as well"};
  records.metrics.num_bad_lines = 2;
  records.unreadable = {"run_state.json"};
  EXPECT_EQ(codes_of(judge(records)),
            (std::vector<std::string>{"doubt", "torn_lines", "unreadable", "learns"}));
}

}  // namespace
}  // namespace omnigen::report
