#include "cache/folder_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::cache {
namespace {

TEST(FolderLock, ASecondBuildIsToldWhoHoldsIt) {
  test::TempDir dir;
  const FolderLock first(dir / "cache", "p");
  try {
    FolderLock second(dir / "cache", "p");
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("process " + std::to_string(::getpid())));
  }
  EXPECT_NO_THROW(FolderLock(dir / "cache", "another"));
}

TEST(FolderLock, EndsWithItsHolder) {
  test::TempDir dir;
  { const FolderLock first(dir.path(), "p"); }
  EXPECT_NO_THROW(FolderLock(dir.path(), "p"));
}

}  // namespace
}  // namespace omnigen::cache
