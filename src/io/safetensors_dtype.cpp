#include "io/safetensors_dtype.h"

#include <fmt/format.h>

#include <array>

#include "util/error.h"

namespace omnigen::io {
namespace {

struct NamedType {
  const char* name;
  at::ScalarType dtype;
};

constexpr std::array kTypes = {
    NamedType{"F64", at::kDouble},
    NamedType{"F32", at::kFloat},
    NamedType{"F16", at::kHalf},
    NamedType{"BF16", at::kBFloat16},
    NamedType{"I64", at::kLong},
    NamedType{"I32", at::kInt},
    NamedType{"I16", at::kShort},
    NamedType{"I8", at::kChar},
    NamedType{"U8", at::kByte},
    NamedType{"BOOL", at::kBool},
    NamedType{"F8_E4M3", at::kFloat8_e4m3fn},
    NamedType{"F8_E5M2", at::kFloat8_e5m2},
    NamedType{"U16", at::kUInt16},
    NamedType{"U32", at::kUInt32},
    NamedType{"U64", at::kUInt64},
};

}  // namespace

at::ScalarType dtype_from_name(const std::string& name, const std::string& where) {
  for (const NamedType& type : kTypes) {
    if (name == type.name) return type.dtype;
  }
  throw util::DataError(fmt::format("{}: element type \"{}\" is not supported", where, name));
}

std::string dtype_name(at::ScalarType dtype) {
  for (const NamedType& type : kTypes) {
    if (dtype == type.dtype) return type.name;
  }
  throw util::Error(fmt::format("safetensors: no name for dtype {}", c10::toString(dtype)));
}

}  // namespace omnigen::io
