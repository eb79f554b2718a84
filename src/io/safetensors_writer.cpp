#include "io/safetensors_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "io/atomic_file.h"
#include "io/safetensors_dtype.h"

namespace omnigen::io {
namespace {

constexpr size_t kAlignment = 8;

struct Entry {
  std::string name;
  at::Tensor tensor;
};

// The rank puts wider elements first, which keeps every tensor aligned without holes.
std::vector<Entry> in_file_order(const std::map<std::string, at::Tensor>& tensors) {
  std::vector<Entry> entries;
  entries.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) entries.push_back({name, tensor.detach()});
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return dtype_rank(a.tensor.scalar_type()) > dtype_rank(b.tensor.scalar_type());
  });
  return entries;
}

std::string make_header(const std::vector<Entry>& entries,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header;
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const Entry& entry : entries) {
    const uint64_t bytes = entry.tensor.nbytes();
    header[entry.name] = {{"dtype", dtype_name(entry.tensor.scalar_type())},
                          {"shape", entry.tensor.sizes().vec()},
                          {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = header.empty() ? "{}" : header.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  return text;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const auto entries = in_file_order(tensors);
  const std::string header = make_header(entries, metadata);
  AtomicFile file(path);
  const uint64_t header_bytes = header.size();
  file.write({reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes});
  file.write(header);
  for (const Entry& entry : entries) {
    const at::Tensor host = entry.tensor.to(at::kCPU).contiguous();
    file.write({static_cast<const char*>(host.data_ptr()), host.nbytes()});
  }
  file.commit();
}

}  // namespace omnigen::io
