#include "comm/watchdog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <thread>

#include "util/error.h"

namespace omnigen::comm {
namespace {

using testing::HasSubstr;

const auto kIgnore = [](const std::string&) {};

TEST(Watchdog, PollerGetsAnErrorWithOperationAgeStepAndLimit) {
  Watchdog watchdog(kIgnore);
  watchdog.set_limits({.preparing_s = 1000.0, .stepping_s = 0.0});
  watchdog.set_phase(Watchdog::Phase::kStepping);
  watchdog.set_step(17);
  const Watchdog::Operation operation(watchdog, "all_reduce of 8 bytes");
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  try {
    operation.check();
    FAIL() << "no error";
  } catch (const util::CommError& error) {
    EXPECT_THAT(error.what(), HasSubstr("all_reduce of 8 bytes unfinished after 0.0 s at step 17"));
    EXPECT_THAT(error.what(), HasSubstr("(limit 0 s within steps, process_group_timeout_seconds)"));
  }
}

TEST(Watchdog, EachPhaseHasItsOwnLimit) {
  Watchdog watchdog(kIgnore);
  watchdog.set_limits({.preparing_s = 1000.0, .stepping_s = 0.0});
  const Watchdog::Operation operation(watchdog, "barrier");
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_NO_THROW(operation.check());
  watchdog.set_phase(Watchdog::Phase::kStepping);
  EXPECT_THROW(operation.check(), util::CommError);
  watchdog.set_limits({.preparing_s = 0.0, .stepping_s = 1000.0});
  EXPECT_NO_THROW(operation.check());
  watchdog.set_phase(Watchdog::Phase::kPreparing);
  EXPECT_THROW(operation.check(), util::CommError);
}

TEST(Watchdog, AnOperationMayHaveALimitOfItsOwn) {
  Watchdog watchdog(kIgnore);
  const Watchdog::Operation operation(watchdog, "ncclCommInitRank", 0.0);
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_THROW(operation.check(), util::CommError);
}

TEST(Watchdog, ThreadReportsACallThatNeverComesBack) {
  std::promise<std::string> reported;
  Watchdog watchdog([&](const std::string& message) { reported.set_value(message); },
                    /*grace_s=*/0.0);
  watchdog.set_limits({.preparing_s = 0.0, .stepping_s = 0.0});
  const Watchdog::Operation operation(watchdog, "MPI_Finalize");
  auto message = reported.get_future();
  ASSERT_EQ(message.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_THAT(message.get(), HasSubstr("MPI_Finalize unfinished"));
}

TEST(Watchdog, DescribesTheOutermostOperation) {
  Watchdog watchdog(kIgnore);
  EXPECT_EQ(watchdog.describe(), "no collective");
  {
    const Watchdog::Operation outer(watchdog, "all_gather");
    const Watchdog::Operation inner(watchdog, "barrier");
    EXPECT_THAT(watchdog.describe(), testing::StartsWith("all_gather, for 0."));
  }
  EXPECT_EQ(watchdog.describe(), "no collective");
}

}  // namespace
}  // namespace omnigen::comm
