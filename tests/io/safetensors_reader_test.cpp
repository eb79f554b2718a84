#include "io/safetensors_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "io/safetensors_writer.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::io {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string with_length(const std::string& header) {
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + header;
}

class SafetensorsReaderTest : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& bytes, const std::string& name = "m.safetensors") {
    std::ofstream(dir_ / name, std::ios::binary) << bytes;
    return dir_ / name;
  }

  // The message of the DataError that opening such a file gives.
  std::string error_of(const std::string& bytes) {
    try {
      const SafetensorsReader reader(write(bytes));
    } catch (const util::DataError& error) {
      return error.what();
    }
    return "no error";
  }

  std::string error_of_header(const std::string& header, size_t data_bytes = 8) {
    return error_of(with_length(header) + std::string(data_bytes, '\0'));
  }

  test::TempDir dir_;
};

TEST_F(SafetensorsReaderTest, ReadsWhatTheFormatSays) {
  const std::array<float, 2> values = {1.5F, -2.0F};
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}} )";
  const SafetensorsReader reader(
      write(with_length(header) + std::string(reinterpret_cast<const char*>(values.data()), 8)));
  EXPECT_EQ(reader.metadata().at("format"), "pt");
  EXPECT_EQ(reader.tensors().at("w").dtype, at::kFloat);
  EXPECT_TENSOR_EQ(reader.tensor("w"), at::tensor({1.5F, -2.0F}).view({2, 1}));
}

TEST_F(SafetensorsReaderTest, UnalignedDataIsReadable) {
  const float value = 0.25F;
  const std::string header =
      R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"F32","shape":[],"data_offsets":[1,5]}})";
  const SafetensorsReader reader(
      write(with_length(header) + '\x07' + std::string(reinterpret_cast<const char*>(&value), 4)));
  EXPECT_TENSOR_EQ(reader.tensor("w"), at::scalar_tensor(0.25F));
  EXPECT_EQ(reader.tensor("b").item<int>(), 7);
}

TEST_F(SafetensorsReaderTest, TensorsOutliveTheReaderAndAreWritable) {
  write_safetensors(dir_ / "m.safetensors", {{"w", at::ones({4})}});
  at::Tensor tensor = SafetensorsReader(dir_ / "m.safetensors").tensor("w");
  tensor.add_(1);
  EXPECT_TENSOR_EQ(tensor, at::full({4}, 2.0F));
  EXPECT_TENSOR_EQ(SafetensorsReader(dir_ / "m.safetensors").tensor("w"), at::ones({4}));
}

TEST_F(SafetensorsReaderTest, EmptyFileOfTensorsIsFine) {
  EXPECT_TRUE(SafetensorsReader(write(with_length("{}"))).tensors().empty());
}

TEST_F(SafetensorsReaderTest, UnknownTensorIsADataError) {
  const SafetensorsReader reader(write(with_length("{}")));
  EXPECT_THROW(reader.tensor("w"), util::DataError);
}

TEST_F(SafetensorsReaderTest, MissingFileIsADataError) {
  EXPECT_THROW(SafetensorsReader(dir_ / "missing.safetensors"), util::DataError);
  EXPECT_THROW(SafetensorsReader(dir_.path()), util::DataError);
}

TEST_F(SafetensorsReaderTest, EveryTruncationIsRejected) {
  write_safetensors(dir_ / "whole.safetensors", {{"a", at::arange(5)}, {"b", at::ones({3})}},
                    {{"format", "pt"}});
  std::ifstream stream(dir_ / "whole.safetensors", std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(stream)), {});
  for (size_t size = 0; size < whole.size(); ++size) {
    ASSERT_THROW(SafetensorsReader(write(whole.substr(0, size))), util::DataError) << size;
  }
}

TEST_F(SafetensorsReaderTest, TruncationSaysHowMuchIsThere) {
  EXPECT_THAT(error_of_header(R"({"w":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}})", 10),
              AllOf(HasSubstr("m.safetensors: "), HasSubstr("73 bytes of 99 bytes"),
                    HasSubstr("truncated; fetch it again")));
}

TEST_F(SafetensorsReaderTest, TrailingBytesAreRejected) {
  EXPECT_THAT(error_of_header(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 12),
              HasSubstr("4 bytes follow the last tensor"));
}

TEST_F(SafetensorsReaderTest, HolesAndOverlapsAreRejected) {
  EXPECT_THAT(error_of_header(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                              R"("b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}})"),
              HasSubstr("leave a hole at byte 2"));
  EXPECT_THAT(error_of_header(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                              R"("b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}})"),
              HasSubstr("overlap at byte 4"));
}

TEST_F(SafetensorsReaderTest, OffsetsMustFitTheShape) {
  EXPECT_THAT(error_of_header(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})"),
              HasSubstr("tensor w: data_offsets [0,8] do not fit F32 [3]"));
  EXPECT_THAT(error_of_header(R"({"w":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}})"),
              HasSubstr("do not fit"));
  EXPECT_THAT(error_of_header(R"({"w":{"dtype":"U8","shape":[8],"data_offsets":[0]}})"),
              HasSubstr("do not fit"));
}

// 2^32 · 2^32 · 4 bytes is 0 in 64 bits.
TEST_F(SafetensorsReaderTest, SizesThatOverflowAreRejected) {
  EXPECT_THAT(
      error_of_header(
          R"({"w":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
      HasSubstr("do not fit"));
  EXPECT_THAT(
      error_of_header(
          R"({"w":{"dtype":"U8","shape":[0,18446744073709551615],"data_offsets":[0,0]}})", 0),
      HasSubstr("is not a list of sizes"));
}

TEST_F(SafetensorsReaderTest, NegativeAndBrokenNumbersAreRejected) {
  EXPECT_THAT(error_of_header(R"({"w":{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}})"),
              HasSubstr("shape [-8] is not a list of sizes"));
  EXPECT_THAT(error_of_header(R"({"w":{"dtype":"U8","shape":[8.5],"data_offsets":[0,8]}})"),
              HasSubstr("is not a list of sizes"));
}

TEST_F(SafetensorsReaderTest, UnknownDtypeIsNamed) {
  EXPECT_THAT(error_of_header(R"({"w":{"dtype":"Q7","shape":[8],"data_offsets":[0,8]}})"),
              HasSubstr("tensor w: element type \"Q7\" is not supported"));
}

TEST_F(SafetensorsReaderTest, DamagedHeadersAreRejected) {
  EXPECT_THAT(error_of_header("not json"), HasSubstr("header is damaged"));
  EXPECT_THAT(error_of_header("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(error_of_header(R"({"w":{"shape":[8],"data_offsets":[0,8]}})"),
              HasSubstr("header is damaged"));
  EXPECT_THAT(error_of_header(R"({"w":7})"), HasSubstr("header is damaged"));
  EXPECT_THAT(error_of("<!DOCTYPE html><html>not found</html>"),
              HasSubstr("not a safetensors file"));
}

TEST_F(SafetensorsReaderTest, NameThatComesTwiceIsRejected) {
  EXPECT_THAT(error_of_header(R"({"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
                              R"("w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})"),
              HasSubstr("\"w\" is named twice"));
}

class SafetensorsFolderTest : public SafetensorsReaderTest {
 protected:
  void write_shards() {
    write_safetensors(dir_ / "m-1.safetensors", {{"a", at::ones({2})}});
    write_safetensors(dir_ / "m-2.safetensors", {{"b", at::zeros({3})}, {"c", at::ones({1})}});
  }
  void write_index(const std::string& weight_map) {
    write(R"({"metadata":{},"weight_map":)" + weight_map + "}", "m.safetensors.index.json");
  }
  std::string open_error() {
    try {
      const SafetensorsFolder folder(dir_.path(), "m");
    } catch (const util::DataError& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST_F(SafetensorsFolderTest, ReadsASingleFile) {
  write_safetensors(dir_ / "m.safetensors", {{"a", at::ones({2})}});
  const SafetensorsFolder folder(dir_.path(), "m");
  EXPECT_THAT(folder.names(), ElementsAre("a"));
  EXPECT_TENSOR_EQ(folder.tensor("a"), at::ones({2}));
}

TEST_F(SafetensorsFolderTest, ReadsShards) {
  write_shards();
  write_index(R"({"a":"m-1.safetensors","b":"m-2.safetensors","c":"m-2.safetensors"})");
  const SafetensorsFolder folder(dir_.path(), "m");
  EXPECT_THAT(folder.names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(folder.files().size(), 2U);
  EXPECT_THAT(folder.info("b").shape, ElementsAre(3));
  EXPECT_TENSOR_EQ(folder.tensor("c"), at::ones({1}));
}

TEST_F(SafetensorsFolderTest, UnknownTensorIsADataError) {
  write_safetensors(dir_ / "m.safetensors", {{"a", at::ones({2})}});
  const SafetensorsFolder folder(dir_.path(), "m");
  EXPECT_THROW(folder.tensor("z"), util::DataError);
  EXPECT_THROW(static_cast<void>(folder.info("z")), util::DataError);
}

TEST_F(SafetensorsFolderTest, NamesWhatWasLookedFor) {
  EXPECT_THAT(open_error(),
              AllOf(HasSubstr("m.safetensors"), HasSubstr("m.safetensors.index.json")));
}

TEST_F(SafetensorsFolderTest, MissingShardIsNamed) {
  write_shards();
  write_index(R"({"a":"m-1.safetensors","b":"m-3.safetensors"})");
  EXPECT_THAT(open_error(), AllOf(HasSubstr("m-3.safetensors"), HasSubstr("No such file")));
}

TEST_F(SafetensorsFolderTest, IndexAndShardsMustAgree) {
  write_shards();
  write_index(R"({"a":"m-1.safetensors","b":"m-1.safetensors"})");
  EXPECT_THAT(open_error(), HasSubstr("no tensor \"b\", though the index names it"));
  write_index(R"({"a":"m-1.safetensors","b":"m-2.safetensors"})");
  EXPECT_THAT(open_error(), HasSubstr("tensor \"c\" is not in the index"));
}

TEST_F(SafetensorsFolderTest, DamagedIndexIsADataError) {
  write_index("{");
  EXPECT_THAT(open_error(), HasSubstr("not a shard index"));
}

}  // namespace
}  // namespace omnigen::io
