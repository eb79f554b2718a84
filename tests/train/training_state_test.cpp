#include "train/training_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.h"

namespace omnigen::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TrainingState make_state() {
  return {20, {1, {{12, 0, 24}}, 240}, 42, 12, 2, "adamw_bf16", "bf16", {{"a", "f1"}, {"b", "f2"}}};
}

TEST(TrainingState, SurvivesJson) {
  const nlohmann::json json = make_state();
  const auto state = nlohmann::json::parse(json.dump()).get<TrainingState>();
  EXPECT_EQ(nlohmann::json(state), json);
  EXPECT_EQ(state.cursor, make_state().cursor);
}

TEST(TrainingState, EqualSettingsNeedNoWord) {
  EXPECT_TRUE(compare_settings(make_state(), make_state(), "checkpoint-20", false).empty());
}

TEST(TrainingState, AnotherNumberOfRanksIsANotice) {
  TrainingState now = make_state();
  now.world_size = 3;
  EXPECT_THAT(compare_settings(make_state(), now, "checkpoint-20", false),
              ElementsAre(HasSubstr("2 ranks, now 3")));
}

TEST(TrainingState, AnotherBatchOrDataIsANotice) {
  TrainingState now = make_state();
  now.global_batch = 6;
  now.data = {{"a", "f3"}, {"c", "f4"}};
  EXPECT_THAT(compare_settings(make_state(), now, "checkpoint-20", false),
              ElementsAre(HasSubstr("effective batch 12, now 6"), HasSubstr("a has changed"),
                          HasSubstr("c is new"), HasSubstr("b is gone")));
}

TEST(TrainingState, AnotherOptimizerOrSeedIsAnError) {
  TrainingState now = make_state();
  now.optimizer = "torch-adamw";
  EXPECT_THROW(compare_settings(make_state(), now, "checkpoint-20", false), util::ConfigError);
  EXPECT_THAT(compare_settings(make_state(), now, "checkpoint-20", true),
              ElementsAre(HasSubstr("torch-adamw starts with fresh state")));
  now = make_state();
  now.seed = 43;
  EXPECT_THROW(compare_settings(make_state(), now, "checkpoint-20", false), util::ConfigError);
}

}  // namespace
}  // namespace omnigen::train
