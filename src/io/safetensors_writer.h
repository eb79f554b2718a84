// Writes a safetensors file as the reference writer does: tensors by dtype rank descending, then by
// name.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>

namespace omnigen::io {

// Written aside, synced and renamed. Tensors may be on any device and need not be contiguous.
// Errors: Error naming the path and the system's reason (disk full, read-only).
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace omnigen::io
