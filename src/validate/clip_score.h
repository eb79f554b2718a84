// CLIP score: how far a picture agrees with its prompt, 100 · cos(image, text), not below 0.
//
// Source: Lightning-AI/torchmetrics src/torchmetrics/functional/multimodal/clip_score.py, but for
// the end token, which is kept in a text of more than 77 ids.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/image.h"
#include "tokenizer/clip_tokenizer.h"
#include "validate/clip_image.h"
#include "validate/clip_model.h"

namespace omnigen::validate {

class ClipScorer {
 public:
  // A folder in transformers' layout. Errors: DataError naming what is missing, what is wrong, and
  // what to download.
  explicit ClipScorer(const std::filesystem::path& folder, at::Device device = at::kCPU);

  // 0 to 100. The prompts' embeddings are kept.
  [[nodiscard]] double score(const data::Image& image, const std::string& prompt);
  [[nodiscard]] double cosine(const data::Image& image, const std::string& prompt);

 private:
  const at::Tensor& text_embedding(const std::string& prompt);

  ClipModel model_;
  tokenizer::ClipTokenizer tokenizer_;
  ClipImageConfig image_config_;
  std::map<std::string, at::Tensor> text_embeddings_;
};

struct ClipScore {
  std::string short_name;
  double score = 0.0;
};

// What is logged: `clip/score/<short name>`, averaged over a prompt's pictures, and `clip/min`,
// `clip/max`, `clip/mean`, `clip/std` (of the population) over the short names. The empty prompt
// has its own value and counts in the others only if asked for. Empty without scores.
std::map<std::string, double> clip_series(const std::vector<ClipScore>& scores,
                                          bool include_unconditional);

}  // namespace omnigen::validate
