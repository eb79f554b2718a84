#include "report/loss_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/run_series.h"

namespace omnigen::report {
namespace {

using test::evaluations;
using test::falling;
using test::falling_then_rising;
using test::training;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int64_t kSteps = 1000;

double flat(double /*share*/) {
  return 0.5;
}

std::string code_of(const std::optional<Finding>& finding) {
  return finding ? finding->code : "none";
}

TEST(FindLearning, BetterThanUntouchedIsSaidWithItsInterval) {
  const auto found = find_learning(training(kSteps, falling), evaluations(kSteps, falling));
  ASSERT_EQ(code_of(found), "learns");
  EXPECT_EQ(found->tone, Tone::kGood);
  EXPECT_THAT(found->text, AllOf(HasSubstr("is 0.3013, the untouched model's 0.5000: lower by "),
                                 HasSubstr("(95 %)")));
}

TEST(FindLearning, NoDifferenceIsNotLearning) {
  const auto found = find_learning(training(kSteps, flat), evaluations(kSteps, flat));
  ASSERT_EQ(code_of(found), "not_learning");
  EXPECT_EQ(found->tone, Tone::kWarning);
  EXPECT_THAT(found->text, HasSubstr("cannot be told from the untouched model's"));
}

TEST(FindLearning, TrainingLossThatFallsAloneIsNotEnough) {
  EXPECT_EQ(code_of(find_learning(training(kSteps, falling), evaluations(kSteps, flat))),
            "not_on_held_out");
}

TEST(FindLearning, SignificantButOfNoUseIsHardly) {
  auto series = evaluations(kSteps, flat);
  for (size_t i = 0; i < series.untouched_items.size(); ++i) {
    series.points.back().items[i] = series.untouched_items[i] - 0.001;
  }
  EXPECT_EQ(code_of(find_learning(training(kSteps, flat), series)), "hardly_learns");
}

TEST(FindLearning, RunsWithoutItemsHaveTheirRecordedInterval) {
  auto series = evaluations(kSteps, falling);
  for (auto& point : series.points) point.items.clear();
  EXPECT_EQ(code_of(find_learning(training(kSteps, falling), series)), "none");
  series.points.back().improvement = 0.2;
  series.points.back().interval = 0.01;
  EXPECT_EQ(code_of(find_learning(training(kSteps, falling), series)), "learns");
}

TEST(FindOverfit, NamesTheStepOfTheLowestLoss) {
  const auto found = find_overfit(training(kSteps, falling),
                                  evaluations(kSteps, falling_then_rising), "checkpoint-300-best");
  ASSERT_EQ(code_of(found), "overfit");
  EXPECT_EQ(found->tone, Tone::kBad);
  EXPECT_THAT(found->text, AllOf(StartsWith("Overfit since step 300:"),
                                 HasSubstr("while the training loss went on falling"),
                                 HasSubstr("worse on them than untouched")));
  EXPECT_EQ(found->advice, "Use checkpoint-300-best, or train with more pictures.");
}

TEST(FindOverfit, WhatIsStillBetterThanUntouchedIsAWarning) {
  const auto found = find_overfit(
      training(kSteps, falling),
      evaluations(kSteps, [](double share) { return 0.35 + std::abs(share - 0.5) * 0.1; }), "");
  ASSERT_EQ(code_of(found), "overfit");
  EXPECT_EQ(found->tone, Tone::kWarning);
  EXPECT_EQ(found->advice, "Train about 500 steps, or with more pictures.");
}

TEST(FindOverfit, MemorisingFromTheStartIsOverfitToo) {
  const auto found =
      find_overfit(training(kSteps, [](double share) { return 0.5 * std::exp(-4 * share); }),
                   evaluations(kSteps, [](double share) { return 0.55 + 0.1 * share; }), "");
  ASSERT_EQ(code_of(found), "overfit");
  EXPECT_THAT(found->text, StartsWith("Overfit from the start"));
}

TEST(FindOverfit, FallingOrChangingByChanceIsNone) {
  EXPECT_EQ(code_of(find_overfit(training(kSteps, falling), evaluations(kSteps, falling), "")),
            "none");
  // A level that only scatters from evaluation to evaluation.
  int false_alarms = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 engine(seed);
    std::normal_distribution<double> jitter(0.0, 0.001);
    const auto series = evaluations(
        kSteps, [&](double share) { return falling(share) + jitter(engine); }, 12, seed);
    false_alarms += find_overfit(training(kSteps, falling), series, "") ? 1 : 0;
  }
  EXPECT_EQ(false_alarms, 0);
}

TEST(FindOverfit, ATrainingLossThatRisesTooIsNotOverfit) {
  EXPECT_EQ(code_of(find_overfit(training(kSteps, falling_then_rising),
                                 evaluations(kSteps, falling_then_rising), "")),
            "none");
}

TEST(FindOverfit, RunsWithoutItemsNeedMoreThanTheirIntervals) {
  auto series = evaluations(kSteps, falling_then_rising);
  for (auto& point : series.points) {
    point.items.clear();
    point.improvement = 0.5 - point.loss;
    point.interval = 0.01;
  }
  EXPECT_EQ(code_of(find_overfit(training(kSteps, falling), series, "")), "overfit");
  for (auto& point : series.points) point.interval = 0.3;
  EXPECT_EQ(code_of(find_overfit(training(kSteps, falling), series, "")), "none");
}

TEST(FindHighRate, LossAboveWhatKnowsNothing) {
  const auto burst = [](double share) { return share > 0.4 && share < 0.6 ? 5.0 : 0.5; };
  auto found = find_high_rate(training(kSteps, burst), {});
  ASSERT_EQ(code_of(found), "rate_too_high");
  EXPECT_EQ(found->tone, Tone::kWarning) << "it came back";
  EXPECT_THAT(found->text, HasSubstr("rose above 2.00, what a model that knows nothing scores"));
  found =
      find_high_rate(training(kSteps, [](double share) { return share < 0.1 ? 0.5 : 3.0; }), {});
  ASSERT_EQ(code_of(found), "rate_too_high");
  EXPECT_EQ(found->tone, Tone::kBad);
}

TEST(FindHighRate, LossThatEndsAboveItsBeginning) {
  const auto found =
      find_high_rate(training(kSteps, [](double share) { return 0.5 + 0.3 * share; }), {});
  ASSERT_EQ(code_of(found), "rate_too_high");
  EXPECT_THAT(found->text, HasSubstr("the training loss rose from"));
}

TEST(FindHighRate, HeldOutWorseAndTrainingNotBetter) {
  auto loss = training(kSteps, [](double /*share*/) { return 0.56; });
  const auto worse = evaluations(kSteps, [](double /*share*/) { return 0.58; });
  auto found = find_high_rate(loss, {worse});
  ASSERT_EQ(code_of(found), "rate_too_high");
  EXPECT_THAT(found->text, HasSubstr("not predicted better either"));
  EXPECT_THAT(found->advice, Not(HasSubstr("clipped")));
  loss.clipped_share = 1.0;
  EXPECT_THAT(find_high_rate(loss, {worse})->advice, HasSubstr("clipped at every step"));
}

TEST(FindHighRate, AGoodRunAndAnOverfitOneHaveNone) {
  const auto good = training(kSteps, falling);
  EXPECT_EQ(code_of(find_high_rate(good, {evaluations(kSteps, falling)})), "none");
  EXPECT_EQ(code_of(find_high_rate(good, {evaluations(kSteps, falling_then_rising)})), "none");
  // A model of random weights begins above what knows nothing.
  const auto random =
      training(kSteps, [](double share) { return 0.6 + 2.0 * std::exp(-9 * share); });
  EXPECT_EQ(code_of(find_high_rate(random, {})), "none");
  EXPECT_EQ(code_of(find_high_rate(training(10, flat), {})), "none");
}

TEST(FindTrainingOnly, SaysWhatItCannotTell) {
  EXPECT_EQ(code_of(find_training_only(training(kSteps, falling))), "training_loss_falls");
  EXPECT_EQ(code_of(find_training_only(training(kSteps, flat))), "training_loss_flat");
  EXPECT_EQ(code_of(find_training_only(training(15, falling))), "none");
}

TEST(FindAverage, IsPairedWithTheLiveWeights) {
  auto series = evaluations(kSteps, falling);
  EXPECT_EQ(code_of(find_average(series)), "none");
  auto& last = series.points.back();
  last.average = last.loss - 0.02;
  for (const double item : last.items) last.average_items.push_back(item - 0.02);
  EXPECT_EQ(code_of(find_average(series)), "average_better");
  for (double& item : last.average_items) item += 0.04;
  EXPECT_EQ(code_of(find_average(series)), "average_behind");
}

TEST(FindHighRate, LossesThatJumpAtOnceAreMeasuredByTheUntouchedModel) {
  const auto loss = training(kSteps, [](double /*share*/) { return 4.0; });
  EXPECT_EQ(code_of(find_high_rate(loss, {evaluations(kSteps, falling)})), "rate_too_high");
}

TEST(TrainingLoss, LeavesOutRegularisationWhereTheRunSaysWhich) {
  RunRecords records;
  records.metrics.series["train_loss"] = {{1, 2}, {0.1, 0.1}};
  records.metrics.lists["train_loss_by_t"] = {{1, 2, 3},
                                              {{3, 1, 0.8, 9, 3, 0.4}, {}, {5, 2, 0.25}}};
  const TrainingLoss loss = training_loss(records);
  EXPECT_EQ(loss.steps, (std::vector<int64_t>{1, 3}));
  EXPECT_NEAR(loss.values[0], 0.5, 1e-12);
  EXPECT_EQ(loss.values[1], 0.25);
}

TEST(TrainingLoss, LeavesOutSkippedStepsAndCountsClipping) {
  RunRecords records;
  records.config = {{"max_grad_norm", 1.0}};
  records.run = {{"expected_loss", {{"zero_predictor", 1.9}}}};
  records.metrics.series["train_loss"] = {{1, 2, 3}, {0.5, INFINITY, 0.25}};
  records.metrics.series["grad_norm"] = {{1, 2, 3, 4}, {0.5, 2.0, 3.0, 0.1}};
  const TrainingLoss loss = training_loss(records);
  EXPECT_EQ(loss.steps, (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(loss.zero, 1.9);
  EXPECT_EQ(loss.clipped_share, 0.5);
}

}  // namespace
}  // namespace omnigen::report
