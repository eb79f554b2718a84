#include "io/safetensors_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "io/atomic_file.h"
#include "io/safetensors_dtype.h"
#include "io/safetensors_reader.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::io {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string header_of(const fs::path& path) {
  const std::string bytes = read_file(path);
  uint64_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  return bytes.substr(8, size);
}

TEST(SafetensorsWriter, RoundTripsEveryDtype) {
  const test::TempDir dir;
  std::map<std::string, at::Tensor> tensors;
  for (const at::ScalarType dtype :
       {at::kBool, at::kByte, at::kChar, at::kShort, at::kHalf, at::kBFloat16, at::kInt, at::kFloat,
        at::kDouble, at::kLong, at::kFloat8_e4m3fn, at::kFloat8_e5m2}) {
    tensors[dtype_name(dtype)] = at::arange(6).view({2, 3}).to(dtype);
  }
  write_safetensors(dir / "m.safetensors", tensors, {{"format", "pt"}, {"note", "ü\n\"x\""}});
  const SafetensorsReader reader(dir / "m.safetensors");
  EXPECT_EQ(reader.tensors().size(), tensors.size());
  EXPECT_EQ(reader.metadata().at("note"), "ü\n\"x\"");
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(reader.tensor(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TENSOR_EQ(reader.tensor(name).to(at::kDouble), tensor.to(at::kDouble));
  }
}

TEST(SafetensorsWriter, RoundTripsScalarsEmptyAndStridedTensors) {
  const test::TempDir dir;
  const at::Tensor strided = at::arange(12).view({3, 4}).t();
  write_safetensors(dir / "m.safetensors", {{"scalar", at::scalar_tensor(3.0)},
                                            {"empty", at::empty({0, 5})},
                                            {"strided", strided},
                                            {"leaf", at::ones({2}).requires_grad_()}});
  const SafetensorsReader reader(dir / "m.safetensors");
  EXPECT_EQ(reader.tensor("scalar").dim(), 0);
  EXPECT_EQ(reader.tensor("empty").sizes(), (at::IntArrayRef{0, 5}));
  EXPECT_TENSOR_EQ(reader.tensor("strided"), strided);
  EXPECT_TENSOR_EQ(reader.tensor("leaf"), at::ones({2}));
}

// The reference writer's header for the same tensors, byte for byte (Python package safetensors
// 0.8.0).
TEST(SafetensorsWriter, OrdersByRankThenNameAsTheReference) {
  const test::TempDir dir;
  write_safetensors(dir / "m.safetensors", {{"a_i32", at::zeros({1}, at::kInt)},
                                            {"b_f32", at::zeros({1})},
                                            {"c_i64", at::zeros({1}, at::kLong)},
                                            {"d_f64", at::zeros({1}, at::kDouble)},
                                            {"e_bf16", at::zeros({1}, at::kBFloat16)},
                                            {"f_f16", at::zeros({1}, at::kHalf)},
                                            {"a_bf16", at::zeros({1}, at::kBFloat16)},
                                            {"g_bool", at::zeros({1}, at::kBool)},
                                            {"h_u8", at::zeros({1}, at::kByte)},
                                            {"i_i8", at::zeros({1}, at::kChar)},
                                            {"j_i16", at::zeros({1}, at::kShort)}});
  EXPECT_EQ(header_of(dir / "m.safetensors"),
            R"({"c_i64":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
            R"("d_f64":{"dtype":"F64","shape":[1],"data_offsets":[8,16]},)"
            R"("b_f32":{"dtype":"F32","shape":[1],"data_offsets":[16,20]},)"
            R"("a_i32":{"dtype":"I32","shape":[1],"data_offsets":[20,24]},)"
            R"("a_bf16":{"dtype":"BF16","shape":[1],"data_offsets":[24,26]},)"
            R"("e_bf16":{"dtype":"BF16","shape":[1],"data_offsets":[26,28]},)"
            R"("f_f16":{"dtype":"F16","shape":[1],"data_offsets":[28,30]},)"
            R"("j_i16":{"dtype":"I16","shape":[1],"data_offsets":[30,32]},)"
            R"("i_i8":{"dtype":"I8","shape":[1],"data_offsets":[32,33]},)"
            R"("h_u8":{"dtype":"U8","shape":[1],"data_offsets":[33,34]},)"
            R"("g_bool":{"dtype":"BOOL","shape":[1],"data_offsets":[34,35]}}       )");
}

// Every golden file was written by the reference writer: written again, it is the same file.
TEST(SafetensorsWriter, RewritesReferenceFilesByteForByte) {
  const test::TempDir dir;
  int num_files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(test::golden_dir())) {
    if (entry.path().extension() != ".safetensors") continue;
    const SafetensorsReader reader(entry.path());
    if (reader.metadata().size() > 1) continue;  // the reference does not order its metadata
    std::map<std::string, at::Tensor> tensors;
    for (const auto& [name, info] : reader.tensors()) tensors[name] = reader.tensor(name);
    write_safetensors(dir / "again.safetensors", tensors, reader.metadata());
    EXPECT_TRUE(read_file(dir / "again.safetensors") == read_file(entry.path())) << entry.path();
    ++num_files;
  }
  EXPECT_GT(num_files, 50);
}

TEST(SafetensorsWriter, DataBeginsAligned) {
  const test::TempDir dir;
  for (const char* name : {"a", "ab", "abc", "abcd", "abcde"}) {
    write_safetensors(dir / "m.safetensors", {{name, at::ones({1})}});
    EXPECT_EQ(header_of(dir / "m.safetensors").size() % 8, 0U) << name;
  }
}

TEST(SafetensorsWriter, NoTensorsIsAFileToo) {
  const test::TempDir dir;
  write_safetensors(dir / "m.safetensors", {});
  EXPECT_TRUE(SafetensorsReader(dir / "m.safetensors").tensors().empty());
}

TEST(SafetensorsWriter, FullDiskKeepsTheOldFile) {
  const test::TempDir dir;
  const fs::path path = dir / "m.safetensors";
  write_safetensors(path, {{"w", at::ones({1})}});
  fs::create_symlink("/dev/full", path.string() + ".tmp." + std::to_string(::getpid()));
  try {
    write_safetensors(path, {{"w", at::zeros({1})}});
    FAIL();
  } catch (const util::Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr(path.string()), HasSubstr("No space left")));
  }
  EXPECT_TENSOR_EQ(SafetensorsReader(path).tensor("w"), at::ones({1}));
}

TEST(SafetensorsWriter, UnstorableDtypeIsAnError) {
  const test::TempDir dir;
  EXPECT_THROW(write_safetensors(dir / "m.safetensors", {{"w", at::ones({1}, at::kComplexDouble)}}),
               util::Error);
  EXPECT_FALSE(fs::exists(dir / "m.safetensors"));
}

}  // namespace
}  // namespace omnigen::io
