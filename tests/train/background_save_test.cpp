#include "train/background_save.h"

#include <gtest/gtest.h>

#include <thread>

#include "util/error.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

TEST(BackgroundSave, GoesOnBesideTheCaller) {
  std::promise<void> release;
  std::thread::id writer;
  BackgroundSave save;
  save.start(
      [&] {
        release.get_future().wait();
        writer = std::this_thread::get_id();
        return fs::path("checkpoint-5");
      },
      CheckpointKind::kRolling);
  EXPECT_FALSE(save.take_if_complete());
  release.set_value();
  const auto done = save.wait();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->folder, "checkpoint-5");
  EXPECT_EQ(done->kind, CheckpointKind::kRolling);
  EXPECT_NE(writer, std::this_thread::get_id());
}

TEST(BackgroundSave, IsTakenOnce) {
  BackgroundSave save;
  EXPECT_FALSE(save.wait());
  save.start([] { return fs::path("a"); }, CheckpointKind::kOrdinary);
  std::optional<BackgroundSave::Done> done;
  while (!done) done = save.take_if_complete();
  EXPECT_EQ(done->folder, "a");
  EXPECT_FALSE(save.take_if_complete());
  EXPECT_FALSE(save.wait());
  save.start([] { return fs::path("b"); }, CheckpointKind::kOrdinary);
  EXPECT_EQ(save.wait()->folder, "b");
}

TEST(BackgroundSave, TellsWhatWentWrong) {
  BackgroundSave save;
  save.start([]() -> fs::path { throw util::Error("the disk is full"); },
             CheckpointKind::kOrdinary);
  EXPECT_THROW(save.wait(), util::Error);
  EXPECT_FALSE(save.wait());
}

TEST(BackgroundSave, DestructionWaits) {
  bool written = false;
  {
    BackgroundSave save;
    save.start(
        [&] {
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
          written = true;
          return fs::path("a");
        },
        CheckpointKind::kOrdinary);
  }
  EXPECT_TRUE(written);
}

}  // namespace
}  // namespace omnigen::train
