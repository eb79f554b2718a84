#include "io/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::io {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const util::Error& error) {
    return error.what();
  }
  return "no error";
}

size_t num_entries(const fs::path& dir) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(dir), fs::directory_iterator()));
}

TEST(AtomicFile, NothingIsThereBeforeCommit) {
  const test::TempDir dir;
  AtomicFile file(dir / "a.bin");
  file.write("half");
  EXPECT_FALSE(fs::exists(dir / "a.bin"));
  file.commit();
  EXPECT_EQ(read_file(dir / "a.bin"), "half");
  EXPECT_EQ(num_entries(dir.path()), 1U);
}

TEST(AtomicFile, UncommittedLeavesTheOldFile) {
  const test::TempDir dir;
  write_atomically(dir / "a.txt", "old");
  {
    AtomicFile file(dir / "a.txt");
    file.write("new, unfinished");
  }
  EXPECT_EQ(read_file(dir / "a.txt"), "old");
  EXPECT_EQ(num_entries(dir.path()), 1U);
}

TEST(AtomicFile, ReplacesAndCreatesFolders) {
  const test::TempDir dir;
  const fs::path path = dir.path() / "some" / "where" / "a.txt";
  write_atomically(path, "old");
  write_atomically(path, std::string("n\0w", 3));
  EXPECT_EQ(read_file(path), std::string("n\0w", 3));
}

// The file written aside is the device that is always full.
TEST(AtomicFile, FullDiskIsNamedWithWhatIsFree) {
  const test::TempDir dir;
  const fs::path path = dir / "checkpoint.bin";
  fs::create_symlink("/dev/full", path.string() + ".tmp." + std::to_string(::getpid()));
  EXPECT_THAT(
      message_of([&] { write_atomically(path, "data"); }),
      AllOf(HasSubstr("cannot write " + path.string()), HasSubstr("No space left on device"),
            HasSubstr("MB free"), HasSubstr("free some space and start again")));
  EXPECT_EQ(num_entries(dir.path()), 0U);
}

TEST(AtomicFile, FolderThatCannotBeMadeIsAnError) {
  const test::TempDir dir;
  write_atomically(dir / "file", "x");
  const fs::path below = dir.path() / "file" / "folder" / "a.txt";
  EXPECT_THAT(message_of([&] { write_atomically(below, "x"); }),
              AllOf(HasSubstr("cannot create folder"), HasSubstr("Not a directory")));
}

TEST(AtomicFile, TargetThatIsAFolderIsAnError) {
  const test::TempDir dir;
  fs::create_directories(dir.path() / "taken" / "inside");
  EXPECT_THAT(message_of([&] { write_atomically(dir / "taken", "x"); }),
              AllOf(HasSubstr("cannot rename to"), HasSubstr("taken")));
  EXPECT_EQ(num_entries(dir.path()), 1U);
}

TEST(RenameDirectory, MovesTheTree) {
  const test::TempDir dir;
  write_atomically(dir.path() / "checkpoint-5.tmp" / "inner" / "a.txt", "content");
  rename_directory(dir / "checkpoint-5.tmp", dir / "checkpoint-5");
  EXPECT_EQ(read_file(dir.path() / "checkpoint-5" / "inner" / "a.txt"), "content");
  EXPECT_FALSE(fs::exists(dir / "checkpoint-5.tmp"));
}

TEST(RenameDirectory, MissingSourceIsAnError) {
  const test::TempDir dir;
  EXPECT_THAT(message_of([&] { rename_directory(dir / "no", dir / "to"); }),
              AllOf(HasSubstr("/no"), HasSubstr("No such file")));
}

TEST(RenameDirectory, NeverReplacesAFullFolder) {
  const test::TempDir dir;
  write_atomically(dir.path() / "from" / "a", "new");
  write_atomically(dir.path() / "to" / "a", "old");
  EXPECT_THAT(message_of([&] { rename_directory(dir / "from", dir / "to"); }),
              HasSubstr("cannot rename to"));
  EXPECT_EQ(read_file(dir.path() / "to" / "a"), "old");
}

TEST(ReadFile, ReadsEmptyAndLargeFiles) {
  const test::TempDir dir;
  const std::string large(1'000'003, 'x');
  write_atomically(dir / "empty", "");
  write_atomically(dir / "large", large);
  EXPECT_EQ(read_file(dir / "empty"), "");
  EXPECT_EQ(read_file(dir / "large"), large);
}

TEST(ReadFile, MissingFileAndFolderAreDataErrors) {
  const test::TempDir dir;
  EXPECT_THROW(read_file(dir / "missing"), util::DataError);
  EXPECT_THAT(message_of([&] { read_file(dir.path()); }), HasSubstr("Is a directory"));
}

}  // namespace
}  // namespace omnigen::io
