// Predicted work of a sample, for sharing samples out to ranks.
#pragma once

#include <cstdint>

#include "model/transformer_config.h"

namespace omnigen::train {

struct SampleSize {
  int64_t condition = 0;  // tokens of text and input images
  int64_t latents = 0;    // of the output image: its height by its width
};

// FLOP of the products of one step in the blocks: forward, backward to the inputs, where the whole
// model is trained to the weights as well, and a regularisation sample's second forward pass.
class SampleCost {
 public:
  SampleCost(const model::TransformerConfig& config, bool trains_weights);

  // Rows of the packed sequence: condition, time, output image.
  [[nodiscard]] int64_t tokens(const SampleSize& size) const;
  [[nodiscard]] double flop(const SampleSize& size, bool regularisation) const;

 private:
  double per_token_;  // of one pass
  double per_pair_;   // of a query and a key
  double linear_passes_;
  int64_t latents_per_token_;
};

}  // namespace omnigen::train
