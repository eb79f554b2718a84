#include "train/output_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

TEST(OutputLock, RefusesASecondRunAndNamesTheHolder) {
  const test::TempDir dir;
  const OutputLock first(dir.path());
  try {
    const OutputLock second(dir.path());
    FAIL();
  } catch (const util::ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("pid " + std::to_string(::getpid())));
  }
}

TEST(OutputLock, IsFreeAfterTheRun) {
  const test::TempDir dir;
  { const OutputLock first(dir.path()); }
  EXPECT_NO_THROW(OutputLock(dir.path()));
}

TEST(OutputLock, SaysWhereItCannotWrite) {
  EXPECT_THROW(OutputLock("/proc/nowhere"), util::ConfigError);
}

}  // namespace
}  // namespace omnigen::train
