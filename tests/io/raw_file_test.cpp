#include "io/raw_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "io/atomic_file.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::test {
namespace {

using io::RawFile;

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST(RawFile, WritesAndReadsAtPositions) {
  TempDir dir;
  io::write_atomically(dir / "f", "0123456789");
  RawFile file(dir / "f", RawFile::Mode::kReadWrite);
  file.write_at(3, bytes("abc"));
  file.sync();
  std::string out(5, ' ');
  file.read_at(2, std::as_writable_bytes(std::span(out)));
  EXPECT_EQ(out, "2abc6");
  EXPECT_EQ(file.size(), 10U);
}

TEST(RawFile, AppendsAndTruncates) {
  TempDir dir;
  RawFile file(dir / "f", RawFile::Mode::kAppend);
  file.append(bytes("one"));
  file.append(bytes("two"));
  file.truncate(4);
  EXPECT_EQ(io::read_file(dir / "f"), "onet");
}

TEST(RawFile, AFileThatEndsEarlyIsAnError) {
  TempDir dir;
  io::write_atomically(dir / "f", "0123");
  const RawFile file(dir / "f", RawFile::Mode::kRead);
  std::string out(3, ' ');
  try {
    file.read_at(2, std::as_writable_bytes(std::span(out)));
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("ends at byte 4"));
  }
}

TEST(RawFile, MissingFilesAreDataErrorsOnlyWhenRead) {
  TempDir dir;
  EXPECT_THROW(RawFile(dir / "none", RawFile::Mode::kRead), util::DataError);
  try {
    RawFile(dir / "none", RawFile::Mode::kReadWrite);
    FAIL();
  } catch (const util::Error& error) {
    EXPECT_EQ(error.exit_code(), util::kExitFailure);
  }
}

TEST(RawFile, AFullDiskIsNamed) {
  try {
    RawFile("/dev/full", RawFile::Mode::kAppend).append(bytes("x"));
    FAIL();
  } catch (const util::Error& error) {
    EXPECT_THAT(error.what(), ::testing::AllOf(::testing::HasSubstr("/dev/full"),
                                               ::testing::HasSubstr("free some space")));
  }
}

}  // namespace
}  // namespace omnigen::test
