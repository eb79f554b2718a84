#include "io/shard_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/atomic_file.h"
#include "io/shard_fixture.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;

TEST(ShardWriter, EqualRecordsMakeEqualFiles) {
  TempDir dir;
  write_shard(dir / "a.h5", small_plan());
  write_shard(dir / "b.h5", small_plan());
  EXPECT_EQ(io::read_file(dir / "a.h5"), io::read_file(dir / "b.h5"));
}

TEST(ShardWriter, LeavesOnlyTheFinishedFile) {
  TempDir dir;
  write_shard(dir / "s.h5", small_plan());
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir.path())) {
    names.push_back(entry.path().filename());
  }
  EXPECT_THAT(names, ::testing::ElementsAre("s.h5"));
}

// Ends as if killed after `num_writes` records, of which `num_committed` were committed.
void abandon(const fs::path& path, const io::ShardPlan& plan, int64_t num_committed,
             int64_t num_writes) {
  io::ShardWriter writer(path, plan);
  int64_t written = 0;
  for (size_t g = 0; g < plan.groups.size(); ++g) {
    for (int64_t row = 0; row < std::ssize(plan.groups[g].paths); ++row) {
      if (written == num_writes) return;
      if (written == num_committed) writer.commit();
      write_record(writer, plan, g, row);
      ++written;
    }
  }
}

TEST(ShardWriter, ContinuesAfterTheLastCommitAndEndsInTheSameBytes) {
  TempDir dir;
  const io::ShardPlan plan = small_plan();
  write_shard(dir / "straight.h5", plan);
  for (const int64_t committed : {0, 1, 3, 4, 5}) {
    const fs::path path = dir / fmt::format("s{}.h5", committed);
    abandon(path, plan, committed, committed + 1);
    io::ShardWriter writer(path, plan);
    EXPECT_EQ(writer.num_done(), committed);
    for (size_t g = 0; g < plan.groups.size(); ++g) {
      for (int64_t row = 0; row < std::ssize(plan.groups[g].paths); ++row) {
        if (!writer.done(g, row)) write_record(writer, plan, g, row);
      }
    }
    writer.finish();
    EXPECT_EQ(io::read_file(path), io::read_file(dir / "straight.h5")) << committed;
  }
}

TEST(ShardWriter, IgnoresATornJournalLine) {
  TempDir dir;
  const io::ShardPlan plan = small_plan();
  abandon(dir / "s.h5", plan, 2, 3);
  std::string journal = io::read_file(dir / "s.h5.journal");
  io::write_atomically(dir / "s.h5.journal", journal + "0 2 1 12");
  io::ShardWriter writer(dir / "s.h5", plan);
  EXPECT_EQ(writer.num_done(), 2);
  write_record(writer, plan, 0, 2);
  writer.commit();
  EXPECT_EQ(io::ShardWriter(dir / "s.h5", plan).num_done(), 3);
}

TEST(ShardWriter, DoesNotTrustAJournalWhoseRecordsAreNotThere) {
  TempDir dir;
  const io::ShardPlan plan = small_plan();
  abandon(dir / "s.h5", plan, 2, 2);
  {
    io::ShardWriter writer(dir / "s.h5", plan);
    write_record(writer, plan, 0, 0);
    writer.commit();
  }
  const uint64_t size_column = io::ShardReader(dir / "s.h5.part", io::ShardReader::Accept::kOpen)
                                   .groups()[0]
                                   .offsets.columns[0];
  flip_byte(dir / "s.h5.part", size_column);
  EXPECT_EQ(io::ShardWriter(dir / "s.h5", plan).num_done(), 0);
}

TEST(ShardWriter, BeginsAnewForAnotherPlan) {
  TempDir dir;
  abandon(dir / "s.h5", small_plan(), 3, 3);
  io::ShardPlan other = small_plan();
  other.vae_fingerprint = "another";
  EXPECT_EQ(io::ShardWriter(dir / "s.h5", other).num_done(), 0);
}

TEST(ShardWriter, BeginsAnewWhenKilledBeforeItsStructureWasWritten) {
  TempDir dir;
  io::write_atomically(dir / "s.h5.part", "half a file");
  EXPECT_EQ(io::ShardWriter(dir / "s.h5", small_plan()).num_done(), 0);
}

TEST(ShardWriter, ReopenFinishesWhatIsThere) {
  TempDir dir;
  const io::ShardPlan plan = small_plan();
  {
    io::ShardWriter writer(dir / "s.h5", plan);
    write_record(writer, plan, 1, 1);
    writer.commit();
    write_record(writer, plan, 0, 0);
  }
  auto writer = io::ShardWriter::reopen(dir / "s.h5");
  ASSERT_NE(writer, nullptr);
  writer->finish();
  const io::ShardReader reader(dir / "s.h5");
  EXPECT_TENSOR_EQ(reader.latent(1, 1), small_latent(plan, 1, 1));
  EXPECT_EQ(reader.groups()[0].fields[0].status, io::RecordStatus::kEmpty);
}

TEST(ShardWriter, ReopenRemovesRubbish) {
  TempDir dir;
  io::write_atomically(dir / "s.h5.part", "half a file");
  EXPECT_EQ(io::ShardWriter::reopen(dir / "s.h5"), nullptr);
  EXPECT_TRUE(fs::is_empty(dir.path()));
}

TEST(ShardWriter, KeepsFailedRecordsWithTheirReason) {
  TempDir dir;
  const io::ShardPlan plan = small_plan();
  {
    io::ShardWriter writer(dir / "s.h5", plan);
    io::RecordFields fields = small_fields(0);
    fields.fail_reason = 7;
    writer.write(0, 0, fields, {});
    writer.finish();
  }
  const io::RecordFields fields = io::ShardReader(dir / "s.h5").groups()[0].fields[0];
  EXPECT_EQ(fields.status, io::RecordStatus::kFailed);
  EXPECT_EQ(fields.fail_reason, 7);
}

TEST(ShardWriter, NamesTheFolderItCannotWriteTo) {
  TempDir dir;
  io::write_atomically(dir / "file", "");
  EXPECT_ANY_THROW(io::ShardWriter(dir / "file" / "s.h5", small_plan()));
}

TEST(ShardPlan, DigestChangesWithEveryPart) {
  const std::string digest = small_plan().digest();
  EXPECT_EQ(small_plan().digest(), digest);
  std::vector<io::ShardPlan> others(6, small_plan());
  others[0].dataset_id += "x";
  others[1].image_fingerprint += "x";
  others[2].vae_fingerprint += "x";
  others[3].latent_dtype = at::kFloat;
  others[4].groups[0].paths[0] += "x";
  std::swap(others[5].groups[0], others[5].groups[1]);
  for (const io::ShardPlan& other : others) EXPECT_NE(other.digest(), digest);
}

TEST(ShardPlan, TotalBytesIsWhatTheFileTakes) {
  TempDir dir;
  const io::ShardPlan plan = small_plan();
  write_shard(dir / "s.h5", plan);
  const auto size = fs::file_size(dir / "s.h5");
  EXPECT_GE(size, plan.total_bytes());
  EXPECT_LT(size, plan.total_bytes() + 32 * 1024);  // HDF5's own structures
}

}  // namespace
}  // namespace omnigen::test
