#include "train/timetable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace omnigen::train {
namespace {

using ::testing::ElementsAre;

// Steps of a run of 12 steps with 3 samples each, 10 samples in an epoch.
template <class Due>
std::vector<int64_t> due_steps(const Due& due) {
  std::vector<int64_t> steps;
  for (int64_t step = 1; step <= 12; ++step) {
    if (due(StepSpan{step, 3 * (step - 1), 3 * step, 10})) steps.push_back(step);
  }
  return steps;
}

TEST(Timetable, StepsAreMultiples) {
  EXPECT_THAT(due_steps([](const auto& span) { return due_by_steps(5, span); }),
              ElementsAre(5, 10));
  EXPECT_THAT(due_steps([](const auto& span) { return due_by_steps(0, span); }), ElementsAre());
}

TEST(Timetable, EpochsEndWithinASample) {
  // Epochs end with samples 10, 20, 30.
  EXPECT_THAT(due_steps([](const auto& span) { return due_by_epochs(1, span); }),
              ElementsAre(4, 7, 10));
  EXPECT_THAT(due_steps([](const auto& span) { return due_by_epochs(0.5, span); }),
              ElementsAre(2, 4, 5, 7, 9, 10, 12));
  EXPECT_THAT(due_steps([](const auto& span) { return due_by_epochs(0, span); }), ElementsAre());
}

TEST(Timetable, AStepOfManySharesIsDueOnce) {
  EXPECT_TRUE(due_by_epochs(0.1, {1, 0, 100, 10}));
  EXPECT_FALSE(due_by_epochs(100, {1, 0, 100, 10}));
}

// Three steps of a tenth are no exact 0.3.
TEST(Timetable, RoundingDoesNotDelay) {
  EXPECT_TRUE(due_by_epochs(0.3, {3, 2, 3, 10}));
}

TEST(Timetable, ValidationHasABeginning) {
  config::ValidateConfig config;
  config.validation_step_interval = 3;
  config.validation_epoch_interval = 2;
  EXPECT_THAT(due_steps([&](const auto& span) { return validation_due(config, span); }),
              ElementsAre(3, 6, 7, 9, 12));
  config.validate_after_step = 6;
  EXPECT_THAT(due_steps([&](const auto& span) { return validation_due(config, span); }),
              ElementsAre(6, 7, 9, 12));
  config.validate_after_epoch = 2;
  EXPECT_THAT(due_steps([&](const auto& span) { return validation_due(config, span); }),
              ElementsAre(7, 9, 12));
}

TEST(Timetable, EvaluationIsByStepsOrEpochs) {
  config::ValidateConfig config;
  config.eval_steps_interval = 6;
  config.eval_epoch_interval = 1.5;
  EXPECT_THAT(due_steps([&](const auto& span) { return evaluation_due(config, span); }),
              ElementsAre(5, 6, 10, 12));
}

}  // namespace
}  // namespace omnigen::train
