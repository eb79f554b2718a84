#include "util/error.h"

#include <gtest/gtest.h>

namespace omnigen::util {
namespace {

TEST(Error, KindsCarryTheirExitCodes) {
  EXPECT_EQ(Error("x").exit_code(), 1);
  EXPECT_EQ(ConfigError("x").exit_code(), 2);
  EXPECT_EQ(DataError("x").exit_code(), 3);
  EXPECT_EQ(CommError("x").exit_code(), 4);
}

TEST(Error, KindsAreCaughtAsError) {
  try {
    throw DataError("file.h5: truncated");
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "file.h5: truncated");
    EXPECT_EQ(error.exit_code(), kExitData);
  }
}

}  // namespace
}  // namespace omnigen::util
