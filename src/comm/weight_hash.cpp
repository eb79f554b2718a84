#include "comm/weight_hash.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <span>

#include "util/error.h"
#include "util/hash.h"

namespace omnigen::comm {
namespace {

// The value most ranks hold; among equally common ones, that of the lowest rank.
uint64_t most_common(const std::vector<uint64_t>& values) {
  std::map<uint64_t, int> counts;
  for (const uint64_t value : values) ++counts[value];
  return *std::max_element(values.begin(), values.end(),
                           [&](uint64_t a, uint64_t b) { return counts[a] < counts[b]; });
}

std::vector<size_t> ranks_unlike(const std::vector<uint64_t>& values, uint64_t expected) {
  std::vector<size_t> ranks;
  for (size_t rank = 0; rank < values.size(); ++rank) {
    if (values[rank] != expected) ranks.push_back(rank);
  }
  return ranks;
}

std::string to_bytes(const std::vector<uint64_t>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(uint64_t)};
}

uint64_t value_at(const std::string& bytes, size_t index) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + index * sizeof(value), sizeof(value));
  return value;
}

uint64_t hash_of_names(const NamedTensors& weights) {
  std::string names;
  for (const auto& [name, tensor] : weights) names += name + '\n';
  return util::xxh3_64(std::string_view(names));
}

[[noreturn]] void throw_difference(const std::string& what, const std::vector<uint64_t>& values,
                                   int64_t step) {
  const uint64_t expected = most_common(values);
  const auto ranks = ranks_unlike(values, expected);
  throw util::CommError(
      fmt::format("at step {} {} on rank {} is not that of the other ranks (hash {}, expected {}): "
                  "the ranks no "
                  "longer train one model. Go back to the last checkpoint, and report this",
                  step, what, fmt::join(ranks, ", "), util::hex64(values[ranks.front()]),
                  util::hex64(expected)));
}

}  // namespace

uint64_t weight_hash(const at::Tensor& tensor) {
  const at::Tensor host = tensor.detach().cpu().contiguous();
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(host.data_ptr()),
                                         host.nbytes());
  const std::string shape =
      fmt::format("{} {}", static_cast<int>(host.scalar_type()), fmt::join(host.sizes(), "x"));
  return util::xxh3_64(std::string_view(shape + util::hex64(util::xxh3_64(bytes))));
}

void check_equal_weights(ProcessGroup& group, const NamedTensors& weights, int64_t step) {
  std::vector<uint64_t> local = {hash_of_names(weights)};
  for (const auto& [name, tensor] : weights) local.push_back(weight_hash(tensor));

  const auto gathered = group.all_gather_bytes(to_bytes(local));
  // The names first: only then does every rank have as many hashes.
  for (size_t index = 0; index < local.size(); ++index) {
    std::vector<uint64_t> values;
    for (const std::string& bytes : gathered) values.push_back(value_at(bytes, index));
    if (ranks_unlike(values, values.front()).empty()) continue;
    throw_difference(index == 0 ? std::string("the set of trained tensors")
                                : fmt::format("the trained tensor {}", weights[index - 1].first),
                     values, step);
  }
}

}  // namespace omnigen::comm
