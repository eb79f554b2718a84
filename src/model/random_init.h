// Random weights of a model of any size, one tensor at a time: nothing but the tensor asked for is
// in memory.
//
// Every tensor is drawn from (seed, "weights", its name), so that neither order nor sharding
// matters. Source: VectorSpaceLab/OmniGen OmniGen/model.py (initialize_weights) for kScratch.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/autoencoder.h"
#include "model/transformer_config.h"

namespace omnigen::model {

enum class RandomScheme {
  kScratch,    // what training from scratch begins with; a fresh transformer predicts exactly 0
  kPlausible,  // activations of order 1 everywhere, no weight near zero: fixtures and benchmarks
};

class RandomWeights {
 public:
  static RandomWeights of_transformer(const TransformerConfig& config, RandomScheme scheme,
                                      uint64_t seed);
  static RandomWeights of_autoencoder(const AutoencoderConfig& config, RandomScheme scheme,
                                      uint64_t seed);

  struct Entry {
    std::string name;
    std::vector<int64_t> shape;
    [[nodiscard]] int64_t numel() const;
  };
  // Weights in the order of definition; the transformer's position table last.
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

  // On the CPU. Drawn in float32, rounded once to `dtype`.
  [[nodiscard]] at::Tensor make(const Entry& entry, at::ScalarType dtype) const;
  // All of them: what the models' constructors take.
  [[nodiscard]] std::map<std::string, at::Tensor> make_all(at::ScalarType dtype) const;

 private:
  // value = offset + scale · (normal or uniform in [-1, 1]); scale 0: constant.
  struct Distribution {
    double offset = 0.0;
    double scale = 0.0;
    bool is_uniform = false;
  };
  RandomWeights(RandomScheme scheme, uint64_t seed) : scheme_(scheme), seed_(seed) {}
  [[nodiscard]] Distribution distribution_of(const Entry& entry) const;
  [[nodiscard]] Distribution scratch(const Entry& entry) const;

  RandomScheme scheme_;
  uint64_t seed_;
  std::vector<Entry> entries_;
  bool is_transformer_ = false;
  TransformerConfig transformer_;
};

}  // namespace omnigen::model
