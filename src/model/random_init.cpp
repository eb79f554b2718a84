#include "model/random_init.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>

#include "model/omnigen_transformer.h"
#include "nn/position_table.h"
#include "util/seed_stream.h"

namespace omnigen::model {
namespace {

constexpr double kLanguageModelStd = 0.02;
constexpr int64_t kChunk = int64_t{1} << 20;  // drawn in float32 before they are rounded

bool is_norm_weight(const std::string& name) {
  return name.ends_with("norm.weight") || name.ends_with("norm1.weight") ||
         name.ends_with("norm2.weight") || name.ends_with("norm_out.weight");
}

int64_t fan_in(const std::vector<int64_t>& shape) {
  int64_t product = 1;
  for (size_t i = 1; i < shape.size(); ++i) product *= shape[i];
  return product;
}

}  // namespace

int64_t RandomWeights::Entry::numel() const {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

RandomWeights RandomWeights::of_transformer(const TransformerConfig& config, RandomScheme scheme,
                                            uint64_t seed) {
  config.validate();
  RandomWeights weights(scheme, seed);
  weights.is_transformer_ = true;
  weights.transformer_ = config;
  for (auto& [name, shape] : trained_shapes(config)) weights.entries_.push_back({name, shape});
  weights.entries_.push_back({kPositionTable, weight_shapes(config).at(kPositionTable)});
  return weights;
}

RandomWeights RandomWeights::of_autoencoder(const AutoencoderConfig& config, RandomScheme scheme,
                                            uint64_t seed) {
  RandomWeights weights(scheme, seed);
  for (auto& [name, shape] : weight_shapes(config)) weights.entries_.push_back({name, shape});
  return weights;
}

// The transformer's as OmniGen's own trainer sets them; the autoencoder's as torch's convolutions
// are.
RandomWeights::Distribution RandomWeights::scratch(const Entry& entry) const {
  const std::string& name = entry.name;
  if (is_norm_weight(name)) return {1.0, 0.0, false};
  if (!is_transformer_) {
    if (name.find("norm") != std::string::npos) return {};  // a norm's bias
    const auto weight = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& other) {
      return other.name == name.substr(0, name.rfind('.')) + ".weight";
    });
    return {0.0, 1.0 / std::sqrt(static_cast<double>(fan_in(weight->shape))), true};
  }
  if (name.ends_with(".bias") || name.starts_with("norm_out.") || name.starts_with("proj_out.")) {
    return {};
  }
  if (entry.shape.size() == 4) {  // Xavier: the patch convolutions as matrices
    const auto ends = static_cast<double>(entry.shape[0] + fan_in(entry.shape));
    return {0.0, std::sqrt(6.0 / ends), true};
  }
  return {0.0, kLanguageModelStd, false};
}

RandomWeights::Distribution RandomWeights::distribution_of(const Entry& entry) const {
  if (scheme_ == RandomScheme::kScratch) return scratch(entry);
  if (is_norm_weight(entry.name)) return {1.0, 0.1, false};
  if (entry.name.ends_with(".bias")) return {0.0, 0.1, false};
  if (entry.name == "embed_tokens.weight") return {0.0, 1.0, false};
  return {0.0, 1.0 / std::sqrt(static_cast<double>(fan_in(entry.shape))), false};
}

at::Tensor RandomWeights::make(const Entry& entry, at::ScalarType dtype) const {
  const at::NoGradGuard no_grad;
  if (entry.name == kPositionTable) {
    return nn::whole_position_table(transformer_.pos_embed_max_size, transformer_.hidden_size,
                                    dtype);
  }
  const Distribution distribution = distribution_of(entry);
  at::Tensor weight = at::full(entry.shape, distribution.offset, dtype);
  if (distribution.scale == 0.0) return weight;
  util::SeedStream stream(seed_, "weights", {entry.name});
  const at::Generator generator = at::detail::createCPUGenerator(stream.next_u64());
  at::Tensor flat = weight.view({-1});
  at::Tensor chunk = at::empty({std::min(kChunk, flat.size(0))}, at::kFloat);
  for (int64_t begin = 0; begin < flat.size(0); begin += kChunk) {
    at::Tensor part = chunk.narrow(0, 0, std::min(kChunk, flat.size(0) - begin));
    if (distribution.is_uniform) {
      part.uniform_(-distribution.scale, distribution.scale, generator).add_(distribution.offset);
    } else {
      part.normal_(distribution.offset, distribution.scale, generator);
    }
    flat.narrow(0, begin, part.size(0)).copy_(part);
  }
  if (scheme_ == RandomScheme::kScratch && entry.name == "embed_tokens.weight") {
    weight.select(0, transformer_.pad_token_id).zero_();
  }
  return weight;
}

std::map<std::string, at::Tensor> RandomWeights::make_all(at::ScalarType dtype) const {
  std::map<std::string, at::Tensor> weights;
  for (const Entry& entry : entries_) weights[entry.name] = make(entry, dtype);
  return weights;
}

}  // namespace omnigen::model
