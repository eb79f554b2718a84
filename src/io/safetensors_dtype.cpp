#include "io/safetensors_dtype.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "util/error.h"

namespace omnigen::io {
namespace {

struct NamedType {
  const char* name;
  at::ScalarType dtype;
};

// In ascending rank. Source: huggingface/safetensors safetensors/src/tensor.rs, enum Dtype.
constexpr std::array kTypes = {
    NamedType{"BOOL", at::kBool},
    NamedType{"U8", at::kByte},
    NamedType{"I8", at::kChar},
    NamedType{"F8_E5M2", at::kFloat8_e5m2},
    NamedType{"F8_E4M3", at::kFloat8_e4m3fn},
    NamedType{"F8_E8M0", at::kFloat8_e8m0fnu},
    NamedType{"I16", at::kShort},
    NamedType{"U16", at::kUInt16},
    NamedType{"F16", at::kHalf},
    NamedType{"BF16", at::kBFloat16},
    NamedType{"I32", at::kInt},
    NamedType{"U32", at::kUInt32},
    NamedType{"F32", at::kFloat},
    NamedType{"C64", at::kComplexFloat},
    NamedType{"F64", at::kDouble},
    NamedType{"I64", at::kLong},
    NamedType{"U64", at::kUInt64},
};

auto find_type(at::ScalarType dtype) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const NamedType& type) { return type.dtype == dtype; });
  if (found == kTypes.end()) {
    throw util::Error(fmt::format("safetensors: no name for dtype {}", c10::toString(dtype)));
  }
  return found;
}

}  // namespace

at::ScalarType dtype_from_name(const std::string& name, const std::string& where) {
  for (const NamedType& type : kTypes) {
    if (name == type.name) return type.dtype;
  }
  throw util::DataError(fmt::format("{}: element type \"{}\" is not supported", where, name));
}

std::string dtype_name(at::ScalarType dtype) {
  return find_type(dtype)->name;
}

int dtype_rank(at::ScalarType dtype) {
  return static_cast<int>(find_type(dtype) - kTypes.begin());
}

}  // namespace omnigen::io
