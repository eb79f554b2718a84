#include "io/shard_journal.h"

#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "support/temp_dir.h"

namespace omnigen::test {
namespace {

using io::JournalEntry;

const std::vector<JournalEntry> kEntries = {{0, 0, 128, 0xDEADBEEF}, {3, 7, 1, 5}};

std::filesystem::path written(const TempDir& dir) {
  io::create_journal(dir / "j", "abc");
  io::RawFile file(dir / "j", io::RawFile::Mode::kAppend);
  io::append_journal(file, kEntries);
  return dir / "j";
}

TEST(ShardJournal, ReadsWhatWasWritten) {
  TempDir dir;
  const auto journal = io::read_journal(written(dir));
  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->digest, "abc");
  EXPECT_EQ(journal->entries, kEntries);
  EXPECT_EQ(journal->intact_bytes, std::filesystem::file_size(dir / "j"));
}

TEST(ShardJournal, CutAnywhereKeepsTheWholeLines) {
  TempDir dir;
  const std::string whole = io::read_file(written(dir));
  for (size_t size = 0; size < whole.size(); ++size) {
    io::write_atomically(dir / "cut", whole.substr(0, size));
    const auto journal = io::read_journal(dir / "cut");
    const auto lines = std::count(whole.begin(), whole.begin() + static_cast<int64_t>(size), '\n');
    ASSERT_EQ(journal.has_value(), lines > 0) << size;
    if (journal) {
      EXPECT_EQ(std::ssize(journal->entries), lines - 1) << size;
    }
  }
}

TEST(ShardJournal, StopsAtADamagedLine) {
  TempDir dir;
  std::string text = io::read_file(written(dir));
  text[text.find("128")] = '9';
  io::write_atomically(dir / "j", text);
  EXPECT_TRUE(io::read_journal(dir / "j")->entries.empty());
}

TEST(ShardJournal, MissingFileIsNoJournal) {
  TempDir dir;
  EXPECT_FALSE(io::read_journal(dir / "none"));
}

}  // namespace
}  // namespace omnigen::test
