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
  TokenSequence(int64_t vocab_size, const at::Tensor& embed_tokens, const PatchEmbed& patch_embed)
      : vocab_size_(vocab_size), embed_tokens_(embed_tokens), patch_embed_(patch_embed) {}

  // Shapes: time_tokens [B, D] -> [P, D]. Errors: TORCH_CHECK for an id outside the vocabulary.
  [[nodiscard]] at::Tensor pack(const MicroBatch& batch, const PackedLayout& layout,
                                const at::Tensor& time_tokens) const;

 private:
  [[nodiscard]] at::Tensor text_tokens(const MicroBatch& batch) const;
  [[nodiscard]] at::Tensor input_image_tokens(const MicroBatch& batch) const;

  int64_t vocab_size_;
  const at::Tensor& embed_tokens_;
  const PatchEmbed& patch_embed_;
};

}  // namespace omnigen::model
