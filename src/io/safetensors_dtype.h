// Names of element types in safetensors headers.
#pragma once

#include <torch/types.h>

#include <string>

namespace omnigen::io {

// Errors: DataError naming `where` for a type this build cannot hold.
at::ScalarType dtype_from_name(const std::string& name, const std::string& where);
std::string dtype_name(at::ScalarType dtype);
// Place of a type in the reference writer's order; it writes tensors of higher rank first.
int dtype_rank(at::ScalarType dtype);

}  // namespace omnigen::io
