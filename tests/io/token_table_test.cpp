#include "io/token_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "io/atomic_file.h"
#include "support/temp_dir.h"
#include "util/error.h"

namespace omnigen::test {
namespace {

using io::TokenTable;

TokenTable sample() {
  TokenTable table;
  table.add("a.jpg", {{"a cat", {1, 263, 6635}}, {"", {1}}});
  table.add("b\xff.png", {{"ein Hund ü", {1, 2, 32048}}});
  table.add("sub/c.webp", {});
  table.dropped_empty = {1, 32010};
  table.dropped_cfg = {1, 32047};
  table.digest = "0123";
  return table;
}

void expect_sample(const TokenTable& table) {
  ASSERT_EQ(table.size(), 3);
  EXPECT_EQ(table.path(1), "b\xff.png");
  EXPECT_EQ(table.num_variants(0), 2);
  EXPECT_EQ(table.num_variants(2), 0);
  EXPECT_EQ(table.caption(0, 0), "a cat");
  EXPECT_EQ(table.caption(0, 1), "");
  EXPECT_EQ(table.caption(1, 0), "ein Hund ü");
  EXPECT_THAT(table.ids(0, 0), ::testing::ElementsAre(1, 263, 6635));
  EXPECT_THAT(table.ids(1, 0), ::testing::ElementsAre(1, 2, 32048));
  EXPECT_THAT(table.dropped_empty, ::testing::ElementsAre(1, 32010));
  EXPECT_THAT(table.dropped_cfg, ::testing::ElementsAre(1, 32047));
  EXPECT_EQ(table.digest, "0123");
}

TEST(TokenTable, ReadsWhatWasWritten) {
  for (const bool deflate : {false, true}) {
    TempDir dir;
    sample().write(dir / "t.h5", deflate);
    expect_sample(TokenTable::read(dir / "t.h5"));
  }
}

TEST(TokenTable, AnEmptyTableIsFine) {
  TempDir dir;
  TokenTable().write(dir / "t.h5", true);
  EXPECT_EQ(TokenTable::read(dir / "t.h5").size(), 0);
}

TEST(TokenTable, FindsPathsByName) {
  const TokenTable table = sample();
  EXPECT_EQ(table.find("a.jpg"), 0);
  EXPECT_EQ(table.find("sub/c.webp"), 2);
  for (const char* missing : {"", "a", "zzz", "b.png"}) EXPECT_EQ(table.find(missing), -1);
}

TEST(TokenTable, RefusesPathsOutOfOrder) {
  TokenTable table = sample();
  EXPECT_THROW(table.add("a.jpg", {}), util::Error);
}

TEST(TokenTable, EqualTablesMakeEqualFiles) {
  TempDir dir;
  sample().write(dir / "a.h5", true);
  sample().write(dir / "b.h5", true);
  EXPECT_EQ(io::read_file(dir / "a.h5"), io::read_file(dir / "b.h5"));
}

TEST(TokenTable, RejectsTruncatedFile) {
  TempDir dir;
  sample().write(dir / "t.h5", false);
  const auto size = std::filesystem::file_size(dir / "t.h5");
  for (const auto kept : {size - 1, size / 2, size_t{10}}) {
    std::filesystem::resize_file(dir / "t.h5", kept);
    EXPECT_THROW(TokenTable::read(dir / "t.h5"), util::DataError) << kept;
  }
}

TEST(TokenTable, RejectsDamagedContents) {
  TempDir dir;
  sample().write(dir / "t.h5", false);
  std::string bytes = io::read_file(dir / "t.h5");
  bytes[bytes.find("a cat")] = 'A';
  io::write_atomically(dir / "t.h5", bytes);
  EXPECT_THROW(TokenTable::read(dir / "t.h5"), util::DataError);
}

TEST(TokenTable, RejectsAnotherVersion) {
  TempDir dir;
  sample().write(dir / "t.h5", false);
  std::string bytes = io::read_file(dir / "t.h5");
  const size_t name = bytes.find(std::string("version\0", 8));
  const size_t value = bytes.find(std::string("\x01\0\0\0\0\0\0\0", 8), name + 32);
  ASSERT_LT(value, name + 80);
  bytes[value] = 2;
  io::write_atomically(dir / "t.h5", bytes);
  try {
    TokenTable::read(dir / "t.h5");
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("version 2"));
  }
}

}  // namespace
}  // namespace omnigen::test
