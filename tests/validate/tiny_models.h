// Models of a few thousand random weights, the same on every call, and images to compare.
#pragma once

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/image.h"
#include "model/autoencoder.h"
#include "model/omnigen_transformer.h"
#include "util/seed_stream.h"

namespace omnigen::test {

// Weights of every shape, drawn by name. Norm weights are near 1.
inline std::map<std::string, at::Tensor> random_weights(
    const std::map<std::string, std::vector<int64_t>>& shapes) {
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, shape] : shapes) {
    at::Tensor weight = at::empty(shape, at::kFloat);
    util::SeedStream(7, "tiny", {name})
        .fill_normal({weight.data_ptr<float>(), static_cast<size_t>(weight.numel())});
    const bool is_norm = name.find("norm") != std::string::npos && name.ends_with("weight");
    const double fan_in = shape.size() > 1 ? static_cast<double>(weight.numel() / shape[0]) : 100.0;
    weights[name] = is_norm && shape.size() == 1 ? 1.0 + 0.1 * weight : weight / std::sqrt(fan_in);
  }
  return weights;
}

// Also keeps the calling thread to one core: where several ranks are threads of one test, their
// pools would wait for each other most of the time.
inline std::unique_ptr<model::OmniGenTransformer> tiny_transformer() {
  at::set_num_threads(1);
  model::TransformerConfig config;
  config.hidden_size = 32;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 4;
  config.intermediate_size = 48;
  config.num_layers = 2;
  config.vocab_size = 64;
  config.pad_token_id = 0;
  config.max_position_embeddings = 4096;
  config.original_max_position_embeddings = 512;
  config.rope_short_factor = {1.0, 1.1, 1.2, 1.3};
  config.rope_long_factor = {1.0, 2.0, 3.0, 4.0};
  config.pos_embed_max_size = 16;
  config.time_step_dim = 16;
  auto shapes = model::weight_shapes(config);
  shapes.erase(model::kPositionTable);
  return std::make_unique<model::OmniGenTransformer>(config, random_weights(shapes));
}

inline std::unique_ptr<model::Autoencoder> tiny_autoencoder() {
  model::AutoencoderConfig config;
  config.block_out_channels = {8, 8, 8, 8};
  config.layers_per_block = 1;
  config.norm_num_groups = 4;
  config.sample_size = 64;
  return std::make_unique<model::Autoencoder>(config, random_weights(model::weight_shapes(config)));
}

inline data::Image solid_image(int64_t width, int64_t height, uint8_t value) {
  return {width, height, std::vector<uint8_t>(static_cast<size_t>(width * height * 3), value)};
}

inline int pixel(const data::Image& image, int64_t x, int64_t y, int channel = 0) {
  return image.pixels.at(static_cast<size_t>((y * image.width + x) * 3 + channel));
}

}  // namespace omnigen::test
