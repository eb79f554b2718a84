#include "train/best_checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "comm/single_group.h"
#include "io/atomic_file.h"
#include "support/run_ranks.h"
#include "support/temp_dir.h"

namespace omnigen::train {
namespace {

EvaluationOutcome outcome_of(double loss, const std::string& what = "hash") {
  EvaluationOutcome outcome;
  outcome.loss = loss;
  outcome.improvement = validate::PairedDifference{0.1, 0.02, 8, true};
  outcome.what = what;
  return outcome;
}

class BestTrackerTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(dir_ / "checkpoint-5"); }
  // Whether an outcome would be saved; it is, as checkpoint-5.
  static bool offer(BestTracker& tracker, double loss, const std::string& what = "hash") {
    tracker.offer(5, outcome_of(loss, what));
    const bool pending = tracker.pending();
    if (pending) {
      tracker.saved_in("checkpoint-5");
      tracker.complete("checkpoint-4");  // another one: nothing is written
      tracker.complete("checkpoint-5");
    }
    return pending;
  }

  test::TempDir dir_;
};

TEST_F(BestTrackerTest, OnlyLowerLossesCount) {
  BestTracker tracker(dir_.path(), true);
  EXPECT_TRUE(offer(tracker, 0.5));
  EXPECT_FALSE(offer(tracker, 0.5));
  EXPECT_FALSE(offer(tracker, std::nan("")));
  EXPECT_FALSE(offer(tracker, -std::numeric_limits<double>::infinity()));
  EXPECT_TRUE(offer(tracker, 0.4));
  EXPECT_EQ(tracker.best()->loss, 0.4);
}

TEST_F(BestTrackerTest, FileSaysWhichAndHowGood) {
  BestTracker tracker(dir_.path(), true);
  offer(tracker, 0.5);
  const auto best = read_best_checkpoint(dir_.path());
  ASSERT_TRUE(best.has_value());
  EXPECT_EQ(best->folder, "checkpoint-5");
  EXPECT_EQ(best->step, 5);
  EXPECT_EQ(best->loss, 0.5);
  EXPECT_EQ(best->improvement, 0.1);
  EXPECT_EQ(best->interval, 0.02);
}

TEST_F(BestTrackerTest, LaterStartGoesOnFromIt) {
  BestTracker first(dir_.path(), true);
  offer(first, 0.5);
  test::run_ranks(2, [&](comm::ProcessGroup& group) {
    BestTracker next(dir_.path(), true);
    next.load(group);
    next.offer(6, outcome_of(0.6));
    EXPECT_FALSE(next.pending());
    next.offer(7, outcome_of(0.4));
    EXPECT_TRUE(next.pending());
  });
}

TEST_F(BestTrackerTest, OtherEvaluationsAreNotCompared) {
  BestTracker tracker(dir_.path(), true);
  offer(tracker, 0.5);
  EXPECT_TRUE(offer(tracker, 0.9, "other images"));
}

TEST_F(BestTrackerTest, WhatIsNotSavedIsNotTheBest) {
  BestTracker tracker(dir_.path(), true);
  tracker.offer(5, outcome_of(0.5));
  tracker.forget();
  EXPECT_TRUE(offer(tracker, 0.6));
}

TEST_F(BestTrackerTest, DoesNothingWithoutEvaluationOrWish) {
  BestTracker off(dir_.path(), false);
  EXPECT_FALSE(offer(off, 0.5));
  BestTracker on(dir_.path(), true);
  on.offer(5, {});
  EXPECT_FALSE(on.pending());
  EXPECT_FALSE(read_best_checkpoint(dir_.path()).has_value());
}

TEST(BestCheckpoint, MissingFolderOrDamagedFileIsPassedOver) {
  const test::TempDir dir;
  write_best_checkpoint(dir.path(), {"checkpoint-9", 9, 0.5, {}, {}, "hash"});
  EXPECT_FALSE(read_best_checkpoint(dir.path()).has_value());
  std::filesystem::create_directories(dir / "checkpoint-9");
  EXPECT_TRUE(read_best_checkpoint(dir.path()).has_value());
  for (const char* text : {"{", "{}", R"({"checkpoint": 5})"}) {
    io::write_atomically(dir / "checkpoint-best.json", text);
    EXPECT_FALSE(read_best_checkpoint(dir.path()).has_value()) << text;
  }
}

}  // namespace
}  // namespace omnigen::train
