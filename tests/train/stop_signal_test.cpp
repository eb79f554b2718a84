#include "train/stop_signal.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "comm/single_group.h"
#include "support/temp_dir.h"

namespace omnigen::train {
namespace {

TEST(StopSignal, NothingIsAskedAtFirst) {
  const test::TempDir dir;
  comm::SingleGroup group;
  StopSignal signals(dir.path());
  const Requests requests = signals.poll(group);
  EXPECT_EQ(requests.stop, StopRequest::kNone);
  EXPECT_FALSE(requests.save || requests.validate);
}

class SignalTest : public ::testing::TestWithParam<std::pair<int, StopRequest>> {};

TEST_P(SignalTest, AsksForItsKindOfStop) {
  const test::TempDir dir;
  comm::SingleGroup group;
  StopSignal signals(dir.path());
  std::raise(GetParam().first);
  EXPECT_EQ(signals.poll(group).stop, GetParam().second);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SignalTest,
                         ::testing::Values(std::pair{SIGUSR1, StopRequest::kRestart},
                                           std::pair{SIGTERM, StopRequest::kTerminate},
                                           std::pair{SIGINT, StopRequest::kInterrupt}));

TEST(StopSignal, ANoticeBeforeTrainingIsKept) {
  const test::TempDir dir;
  comm::SingleGroup group;
  keep_early_notices();
  std::raise(SIGUSR1);
  StopSignal signals(dir.path());
  EXPECT_EQ(signals.poll(group).stop, StopRequest::kRestart);
}

TEST(StopSignal, TheSecondInterruptEndsAtOnceAndNamesTheLastCheckpoint) {
  const test::TempDir dir;
  const auto interrupt_twice = [&] {
    const StopSignal signals(dir.path());
    name_last_checkpoint("checkpoint-1000");
    std::raise(SIGINT);
    std::raise(SIGINT);
  };
  EXPECT_EXIT(interrupt_twice(), ::testing::ExitedWithCode(130),
              "stopped at once, no checkpoint; last: checkpoint-1000");
}

TEST(StopSignal, AfterItsGraceTheProcessEndsWithoutACheckpoint) {
  const test::TempDir dir;
  const auto outlive_the_grace = [&] {
    const StopSignal signals(dir.path(), 1);
    std::raise(SIGTERM);
    std::this_thread::sleep_for(std::chrono::seconds(20));  // a checkpoint that takes too long
  };
  EXPECT_EXIT(outlive_the_grace(), ::testing::ExitedWithCode(143), "");
}

TEST(StopSignal, ACompleteCheckpointEndsTheGrace) {
  const test::TempDir dir;
  const auto save_in_time = [&] {
    const StopSignal signals(dir.path(), 1);
    std::raise(SIGTERM);
    StopSignal::saved();
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    std::_Exit(75);
  };
  EXPECT_EXIT(save_in_time(), ::testing::ExitedWithCode(75), "");
}

TEST(StopSignal, ValidationIsAskedForOnce) {
  const test::TempDir dir;
  comm::SingleGroup group;
  StopSignal signals(dir.path());
  std::raise(SIGUSR2);
  EXPECT_TRUE(signals.poll(group).validate);
  EXPECT_FALSE(signals.poll(group).validate);
}

TEST(StopSignal, TriggerFilesAreTakenAndRemoved) {
  const test::TempDir dir;
  comm::SingleGroup group;
  StopSignal signals(dir.path());
  std::ofstream(dir / "save");
  std::ofstream(dir / "save_quit");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  const Requests requests = signals.poll(group);
  EXPECT_TRUE(requests.save);
  EXPECT_EQ(requests.stop, StopRequest::kFinish);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

}  // namespace
}  // namespace omnigen::train
