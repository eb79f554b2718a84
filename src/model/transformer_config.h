// Configuration of OmniGenTransformer2DModel; defaults are OmniGen-v1's.
//
// Source: diffusers models/transformers/transformer_omnigen.py (class OmniGenTransformer2DModel).
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace omnigen::model {

struct TransformerConfig {
  int64_t in_channels = 4;
  int64_t patch_size = 2;
  int64_t hidden_size = 3072;
  double rms_norm_eps = 1e-5;
  int64_t num_attention_heads = 32;
  int64_t num_key_value_heads = 32;
  int64_t intermediate_size = 8192;
  int64_t num_layers = 32;
  int64_t pad_token_id = 32000;
  int64_t vocab_size = 32064;
  int64_t max_position_embeddings = 131072;
  int64_t original_max_position_embeddings = 4096;
  double rope_base = 10000.0;
  std::vector<double> rope_short_factor;  // hidden_size / num_attention_heads / 2 entries
  std::vector<double> rope_long_factor;
  int64_t pos_embed_max_size = 192;
  int64_t time_step_dim = 256;

  [[nodiscard]] int64_t head_dim() const { return hidden_size / num_attention_heads; }

  // The published model, rope factors included.
  static TransformerConfig omnigen_v1();
  // `config.json` of a diffusers model folder. Errors: DataError naming the key.
  static TransformerConfig from_file(const std::filesystem::path& path);
  // Errors: DataError when sizes do not fit together (spec of the published model, section 1.2).
  void validate() const;
};

}  // namespace omnigen::model
