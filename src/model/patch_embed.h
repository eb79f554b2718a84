// Latents <-> image tokens: patches, their projections, the 2-D position table.
//
// Source: diffusers models/transformers/transformer_omnigen.py (class OmniGenPatchEmbed).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "model/packed_layout.h"
#include "model/transformer_config.h"

namespace omnigen::model {

class PatchEmbed {
 public:
  struct Projection {
    at::Tensor weight;  // [D, C, p, p]
    at::Tensor bias;
  };

  // `table` is the stored position table [1, S·S, D]; undefined: computed.
  PatchEmbed(const TransformerConfig& config, Projection output, Projection input,
             at::Tensor table);

  // Tokens with position, images one after another. Shapes: latents [C, h, w] -> [N, D], compute
  // dtype.
  at::Tensor output_tokens(const std::vector<at::Tensor>& latents) const;
  at::Tensor input_tokens(const std::vector<at::Tensor>& latents) const;
  // The whole table, stored or computed. Shapes: [1, S·S, D].
  [[nodiscard]] at::Tensor table() const;

 private:
  at::Tensor embed(const std::vector<at::Tensor>& latents, const Projection& projection) const;
  at::Tensor positions(const Grid& grid) const;

  TransformerConfig config_;
  Projection output_;
  Projection input_;
  at::Tensor table_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<int64_t, int64_t>, at::Tensor> crops_;
};

// Token components are (row, column, channel). Shapes: [N, p·p·C] -> [C, h, w].
at::Tensor unpatchify(const at::Tensor& tokens_NC, const Grid& grid, int64_t patch_size);

}  // namespace omnigen::model
