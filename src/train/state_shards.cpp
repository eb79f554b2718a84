#include "train/state_shards.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "io/atomic_file.h"
#include "io/safetensors_writer.h"
#include "util/error.h"

namespace omnigen::train {
namespace {

namespace fs = std::filesystem;

// Network file systems show a new file late.
constexpr int kTries = 120;
constexpr std::chrono::milliseconds kPause{250};

std::string shard_name(const std::string& base, const RankOf& rank) {
  if (rank.size == 1) return base + ".safetensors";
  return fmt::format("{}-{:05}-of-{:05}.safetensors", base, rank.rank + 1, rank.size);
}

std::string index_name(const std::string& base) {
  return base + ".safetensors.index.json";
}

bool is_there(const fs::path& path, uint64_t bytes) {
  std::error_code missing;
  const auto found = fs::file_size(path, missing);
  return !missing && found == bytes;
}

void wait_for_file(const fs::path& path, uint64_t bytes) {
  for (int i = 0; i < kTries; ++i) {
    if (is_there(path, bytes)) return;
    std::this_thread::sleep_for(kPause);
  }
  throw util::Error(
      fmt::format("{}: another rank has written it with {} bytes, but it cannot be seen here; is "
                  "the folder the "
                  "same on every node?",
                  path.string(), bytes));
}

}  // namespace

nlohmann::json write_shard(const fs::path& folder, const std::string& base, const RankOf& rank,
                           const TensorMap& tensors) {
  const std::string name = shard_name(base, rank);
  io::write_safetensors(folder / name, tensors);
  std::vector<std::string> names;
  names.reserve(tensors.size());
  for (const auto& [tensor, value] : tensors) names.push_back(tensor);
  return {{"file", name}, {"bytes", fs::file_size(folder / name)}, {"tensors", names}};
}

void write_shard_index(const fs::path& folder, const std::string& base,
                       const std::vector<nlohmann::json>& parts) {
  nlohmann::json shard_of = nlohmann::json::object();
  uint64_t total = 0;
  for (const nlohmann::json& part : parts) {
    const auto file = part.at("file").get<std::string>();
    const auto bytes = part.at("bytes").get<uint64_t>();
    wait_for_file(folder / file, bytes);
    for (const auto& tensor : part.at("tensors")) shard_of[tensor.get<std::string>()] = file;
    total += bytes;
  }
  if (parts.size() == 1) return;
  const nlohmann::json index = {{"metadata", {{"total_size", total}}}, {"weight_map", shard_of}};
  io::write_atomically(folder / index_name(base), index.dump(2) + "\n");
}

bool has_shards(const fs::path& folder, const std::string& base) {
  return fs::exists(folder / (base + ".safetensors")) || fs::exists(folder / index_name(base));
}

}  // namespace omnigen::train
