// Where the tokens of each sample of a micro-batch lie in the packed sequence.
//
// A sample's rows: condition tokens (text, input images), the time token, output-image tokens.
#pragma once

#include <cstdint>
#include <vector>

#include "model/packed_sample.h"
#include "model/transformer_config.h"
#include "nn/attention.h"

namespace omnigen::model {

struct Grid {
  int64_t height = 0;  // in patches
  int64_t width = 0;

  [[nodiscard]] int64_t tokens() const { return height * width; }
};

// Grid of a latent [C, h, w]. `what` names it in errors.
Grid patch_grid(const TransformerConfig& config, const at::Tensor& latent_CHW, const char* what);

struct SampleLayout {
  int64_t begin = 0;          // first row in the packed sequence
  int64_t num_condition = 0;  // text and input images
  Grid grid;                  // of the output image
  int64_t image_begin = 0;    // first row among the packed output-image tokens

  [[nodiscard]] int64_t length() const { return num_condition + 1 + grid.tokens(); }
};

struct PackedLayout {
  std::vector<SampleLayout> samples;
  std::vector<nn::AttentionSpan> all_rows;    // every token asks
  std::vector<nn::AttentionSpan> image_rows;  // output-image tokens only: the last block
  int64_t num_tokens = 0;
  int64_t num_rows = 0;  // num_tokens, or more: rows of zeros behind the last sample
  int64_t num_image_tokens = 0;
};

// Errors: TORCH_CHECK with the offending sizes where a sample does not fit the model or its slots
// do not fit its images.
PackedLayout make_layout(const TransformerConfig& config, const MicroBatch& batch);

// The next number of rows that is a multiple of a power of two, at most 1/64 more: captions of any
// length then give products of few sizes, and a library makes and keeps one kernel a size.
int64_t rounded_rows(int64_t num_tokens);

}  // namespace omnigen::model
