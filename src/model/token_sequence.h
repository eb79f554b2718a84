// The packed sequence that the blocks see: condition tokens, the time token and the output image's
// tokens of every sample, one after another, then rows of zeros up to the layout's number of rows.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "model/packed_layout.h"
#include "model/packed_sample.h"
#include "model/patch_embed.h"

namespace omnigen::model {

class TokenSequence {
 public:
  TokenSequence(const at::Tensor& embed_tokens, const PatchEmbed& patch_embed)
      : embed_tokens_(embed_tokens), patch_embed_(patch_embed) {}

  struct Tokens {
    at::Tensor ids;      // of every sample's condition
    at::Tensor time_BD;  // one a sample
  };
  // Shapes: [P, D].
  [[nodiscard]] at::Tensor pack(const MicroBatch& batch, const PackedLayout& layout,
                                const Tokens& tokens) const;

 private:
  [[nodiscard]] at::Tensor input_image_tokens(const MicroBatch& batch) const;

  const at::Tensor& embed_tokens_;
  const PatchEmbed& patch_embed_;
};

}  // namespace omnigen::model
