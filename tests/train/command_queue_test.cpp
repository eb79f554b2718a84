#include "train/command_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/temp_dir.h"

namespace omnigen::train {
namespace {

using ::testing::HasSubstr;

constexpr double kLimitSeconds = 30.0;

class CommandQueueTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string log() const { return io::read_file(dir_ / "log"); }

  test::TempDir dir_;
  CommandQueue queue_{dir_ / "log", 0.01};
};

TEST_F(CommandQueueTest, CommandsRunOneAfterAnother) {
  queue_.add({"slow", {"sh", "-c", "sleep 0.2; echo first"}});
  queue_.add({"fast", {"echo", "second"}});
  EXPECT_TRUE(queue_.finish(kLimitSeconds));
  EXPECT_EQ(log(), "first\nsecond\n");
}

TEST_F(CommandQueueTest, FailedCommandIsTriedAgain) {
  // Succeeds at the third attempt.
  const std::string script = "echo x >>" + (dir_ / "tries").string() + "; test $(wc -l <" +
                             (dir_ / "tries").string() + ") -ge 3";
  queue_.add({"flaky", {"sh", "-c", script}, 3});
  EXPECT_TRUE(queue_.finish(kLimitSeconds));
  EXPECT_EQ(io::read_file(dir_ / "tries"), "x\nx\nx\n");
}

TEST_F(CommandQueueTest, LastFailureIsAnErrorAndOthersGoOn) {
  ::testing::internal::CaptureStderr();
  queue_.add({"bad", {"sh", "-c", "echo no such place; exit 4"}, 2});
  queue_.add({"good", {"echo", "after"}});
  EXPECT_FALSE(queue_.finish(kLimitSeconds));
  EXPECT_EQ(log(), "no such place\nno such place\nafter\n");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("bad: attempt 2 of 2 ended with code 4: no such place"));
}

TEST_F(CommandQueueTest, SuccessMayAddMore) {
  queue_.add({"one", {"echo", "one"}, 1, [this] { queue_.add({"two", {"echo", "two"}}); }});
  EXPECT_TRUE(queue_.finish(kLimitSeconds));
  EXPECT_EQ(log(), "one\ntwo\n");
}

TEST_F(CommandQueueTest, WaitHasALimit) {
  ::testing::internal::CaptureStderr();
  queue_.add({"endless", {"sleep", "600"}});
  queue_.add({"never", {"echo", "never"}});
  EXPECT_FALSE(queue_.finish(0.3));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("not done after 0.3 s and given up: endless; never"));
}

TEST_F(CommandQueueTest, EmptyQueueIsDone) {
  EXPECT_TRUE(queue_.finish(0.0));
}

}  // namespace
}  // namespace omnigen::train
