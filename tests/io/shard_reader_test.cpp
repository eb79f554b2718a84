#include "io/shard_reader.h"

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
using ::testing::AllOf;
using ::testing::HasSubstr;

template <class Action>
std::string data_error(Action&& action) {
  try {
    action();
  } catch (const util::DataError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ShardReader, ReadsWhatWasWritten) {
  for (const auto dtype : {at::kBFloat16, at::kFloat}) {
    TempDir dir;
    const io::ShardPlan plan = small_plan(dtype);
    write_shard(dir / "s.h5", plan);
    const io::ShardReader reader(dir / "s.h5");
    EXPECT_EQ(reader.dataset_id(), "pictures");
    EXPECT_EQ(reader.image_fingerprint(), "image-print");
    EXPECT_EQ(reader.vae_fingerprint(), "vae-print");
    EXPECT_EQ(reader.digest(), plan.digest());
    ASSERT_EQ(reader.groups().size(), 2U);
    for (size_t g = 0; g < 2; ++g) {
      const io::ShardGroup& group = reader.groups()[g];
      EXPECT_EQ(group.plan.bucket, plan.groups[g].bucket);
      EXPECT_EQ(group.plan.target_width, plan.groups[g].target_width);
      EXPECT_EQ(group.plan.latent_shape, plan.groups[g].latent_shape);
      EXPECT_EQ(group.plan.paths, plan.groups[g].paths);
      for (int64_t row = 0; row < std::ssize(group.fields); ++row) {
        EXPECT_TENSOR_EQ(reader.latent(g, row), small_latent(plan, g, row));
        io::RecordFields expected = small_fields(row);
        const io::RecordFields& found = group.fields[static_cast<size_t>(row)];
        expected.status = io::RecordStatus::kComplete;
        expected.latent_crc = found.latent_crc;
        expected.record_crc = found.record_crc;
        EXPECT_EQ(found, expected);
      }
    }
  }
}

TEST(ShardReader, KeepsPathsOfAnyBytes) {
  TempDir dir;
  io::ShardPlan plan = small_plan();
  plan.groups[0].paths[1] = "caf\xe9 \"1\"\n.jpg";
  write_shard(dir / "s.h5", plan);
  EXPECT_EQ(io::ShardReader(dir / "s.h5").groups()[0].plan.paths, plan.groups[0].paths);
}

TEST(ShardReader, TellsSizesOfOneAspectApart) {
  TempDir dir;
  io::ShardPlan plan = small_plan();
  plan.groups[1].bucket = "1.0";
  write_shard(dir / "s.h5", plan);
  const io::ShardReader reader(dir / "s.h5");
  EXPECT_EQ(reader.groups()[1].plan.bucket, "1.0");
  EXPECT_EQ(reader.groups()[1].plan.target_width, 24);
}

TEST(ShardReader, NamesTheRecordOfAFlippedLatentByte) {
  TempDir dir;
  write_shard(dir / "s.h5", small_plan());
  const io::ShardReader reader(dir / "s.h5");
  const uint64_t record_bytes = 4 * 2 * 2 * 2;
  flip_byte(dir / "s.h5", reader.groups()[0].offsets.latent + 2 * record_bytes + 5);
  EXPECT_THAT(data_error([&] { static_cast<void>(reader.latent(0, 2)); }),
              AllOf(HasSubstr("c.jpg"), HasSubstr("row 2"), HasSubstr("omnigen-cache build")));
  EXPECT_TRUE(reader.latent(0, 1).defined());
}

TEST(ShardReader, NamesTheRecordOfAFlippedColumnByte) {
  TempDir dir;
  write_shard(dir / "s.h5", small_plan());
  const uint64_t offset = io::ShardReader(dir / "s.h5").groups()[1].offsets.columns[0];
  flip_byte(dir / "s.h5", offset + 8);  // src_size of row 1
  EXPECT_THAT(data_error([&] { io::ShardReader(dir / "s.h5"); }), HasSubstr("f.jpg"));
}

TEST(ShardReader, RejectsTruncatedFile) {
  TempDir dir;
  write_shard(dir / "s.h5", small_plan());
  const auto size = fs::file_size(dir / "s.h5");
  for (const auto kept : {size - 1, size / 2, size_t{100}, size_t{0}}) {
    fs::resize_file(dir / "s.h5", kept);
    EXPECT_THAT(data_error([&] { io::ShardReader(dir / "s.h5"); }), HasSubstr("s.h5")) << kept;
  }
}

TEST(ShardReader, RejectsAnotherVersion) {
  TempDir dir;
  write_shard(dir / "s.h5", small_plan());
  // The attribute's value lies behind its name in the file.
  std::string bytes = io::read_file(dir / "s.h5");
  const size_t name = bytes.find(std::string("version\0", 8));
  ASSERT_NE(name, std::string::npos);
  const size_t value = bytes.find(std::string("\x01\0\0\0\0\0\0\0", 8), name + 32);
  ASSERT_LT(value, name + 80);
  bytes[value] = 9;
  io::write_atomically(dir / "s.h5", bytes);
  EXPECT_THAT(data_error([&] { io::ShardReader(dir / "s.h5"); }),
              AllOf(HasSubstr("version 9"), HasSubstr("reads 1")));
}

TEST(ShardReader, RejectsOtherFiles) {
  TempDir dir;
  io::write_atomically(dir / "text.h5", "not HDF5 at all");
  EXPECT_THAT(data_error([&] { io::ShardReader(dir / "text.h5"); }), HasSubstr("text.h5"));
  EXPECT_THAT(data_error([&] { io::ShardReader(dir / "none.h5"); }), HasSubstr("No such file"));
}

TEST(ShardReader, RejectsAnUnfinishedShard) {
  TempDir dir;
  const io::ShardPlan plan = small_plan();
  io::ShardWriter writer(dir / "s.h5", plan);
  write_record(writer, plan, 0, 0);
  writer.commit();
  EXPECT_THAT(data_error([&] { io::ShardReader(dir / "s.h5.part"); }), HasSubstr("unfinished"));
}

}  // namespace
}  // namespace omnigen::test
