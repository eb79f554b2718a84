#include "io/safetensors_dtype.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.h"

namespace omnigen::io {
namespace {

TEST(SafetensorsDtype, NamesGoBothWays) {
  for (const at::ScalarType dtype :
       {at::kBool, at::kByte, at::kChar, at::kShort, at::kUInt16, at::kHalf, at::kBFloat16,
        at::kInt, at::kUInt32, at::kFloat, at::kDouble, at::kLong, at::kUInt64, at::kFloat8_e4m3fn,
        at::kFloat8_e5m2, at::kFloat8_e8m0fnu, at::kComplexFloat}) {
    EXPECT_EQ(dtype_from_name(dtype_name(dtype), "here"), dtype);
  }
}

TEST(SafetensorsDtype, NamesAreTheFormats) {
  EXPECT_EQ(dtype_name(at::kBFloat16), "BF16");
  EXPECT_EQ(dtype_name(at::kFloat8_e4m3fn), "F8_E4M3");
  EXPECT_EQ(dtype_name(at::kBool), "BOOL");
}

TEST(SafetensorsDtype, UnknownNameIsADataErrorWithPlace) {
  try {
    dtype_from_name("F4", "model.safetensors: tensor w");
    FAIL();
  } catch (const util::DataError& error) {
    EXPECT_STREQ(error.what(), "model.safetensors: tensor w: element type \"F4\" is not supported");
  }
}

TEST(SafetensorsDtype, TypeWithoutNameIsAnError) {
  EXPECT_THROW(dtype_name(at::kComplexDouble), util::Error);
}

}  // namespace
}  // namespace omnigen::io
