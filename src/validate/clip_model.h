// CLIP: a text and an image tower whose outputs are compared by their angle.
//
// Source: huggingface/transformers src/transformers/models/clip/modeling_clip.py, CLIPModel.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "validate/clip_tower.h"

namespace omnigen::validate {

struct ClipConfig {
  ClipTowerConfig text;
  ClipTowerConfig vision;
  int64_t projection_dim = 512;
  int64_t vocab_size = 49408;
  int64_t max_positions = 77;  // longest text
  int64_t image_size = 224;
  int64_t patch_size = 32;

  // Errors: DataError naming file and key.
  static ClipConfig from_file(const std::filesystem::path& path);
};

class ClipModel {
 public:
  // `config.json` and `model.safetensors` (or its shards) of `folder`, in float32 on `device`. On
  // the CPU float32 weights stay memory-mapped. Errors: DataError naming what is missing or of
  // another shape.
  explicit ClipModel(const std::filesystem::path& folder, at::Device device = at::kCPU);

  [[nodiscard]] const ClipConfig& config() const { return config_; }

  // The last layer's rows after the final norm. Shapes: ids of one text -> [L, D].
  [[nodiscard]] at::Tensor text_hidden(const std::vector<int64_t>& input_ids) const;
  // Read at the first end token. Shapes: [projection_dim]. Errors: c10::Error without end token.
  [[nodiscard]] at::Tensor text_embedding(const std::vector<int64_t>& input_ids,
                                          int64_t end_id) const;
  // The last layer's rows before the final norm, class row first.
  // Shapes: pixels float32 [3, S, S] -> [1 + patches, D].
  [[nodiscard]] at::Tensor image_hidden(const at::Tensor& pixels_CHW) const;
  // Shapes: pixels float32 [3, S, S] -> [projection_dim].
  [[nodiscard]] at::Tensor image_embedding(const at::Tensor& pixels_CHW) const;

 private:
  void load(const std::filesystem::path& folder);

  ClipConfig config_;
  at::Device device_;
  std::unique_ptr<ClipTower> text_;
  std::unique_ptr<ClipTower> vision_;
  at::Tensor token_table_;
  at::Tensor text_positions_;
  ClipAffine text_final_norm_;
  at::Tensor text_projection_;
  at::Tensor class_row_;
  at::Tensor patch_weight_;
  at::Tensor vision_positions_;
  ClipAffine vision_pre_norm_;
  ClipAffine vision_post_norm_;
  at::Tensor visual_projection_;
};

}  // namespace omnigen::validate
