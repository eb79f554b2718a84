// Small models with the deterministic fill of model.md A.3, and samples for them.
#pragma once

#include <torch/types.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "model/autoencoder.h"
#include "model/omnigen_transformer.h"
#include "model/packed_sample.h"

namespace omnigen::test {

// u in [-1, 1) of flat index i of the tensor named `name`, times `scale`, plus `offset`.
inline at::Tensor hashed(const std::string& name, const std::vector<int64_t>& shape,
                         double scale = 1.0, double offset = 0.0) {
  uint64_t sum = 0;
  for (const char c : name) sum += static_cast<unsigned char>(c);
  at::Tensor out = at::empty(shape, at::kFloat);
  float* values = out.data_ptr<float>();
  for (int64_t i = 0; i < out.numel(); ++i) {
    auto h = static_cast<uint32_t>(static_cast<uint64_t>(i) * 2654435761U + sum * 40503U);
    h ^= h >> 16;
    h *= 2246822519U;
    h ^= h >> 13;
    const double u = 2.0 * static_cast<double>(h) / 4294967296.0 - 1.0;
    values[i] = static_cast<float>(u * scale + offset);
  }
  return out;
}

inline at::Tensor hashed_weight(const std::string& name, const std::vector<int64_t>& shape) {
  int64_t fan_in = 1;
  for (size_t i = 1; i < shape.size(); ++i) fan_in *= shape[i];
  return hashed(name, shape, std::sqrt(3.0 / static_cast<double>(fan_in)));
}

inline at::Tensor hashed_latent(const std::string& name, const std::vector<int64_t>& shape) {
  return hashed(name, shape, std::sqrt(3.0));
}

inline model::TransformerConfig tiny_config() {
  model::TransformerConfig config;
  config.hidden_size = 32;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 4;
  config.intermediate_size = 48;
  config.num_layers = 2;
  config.vocab_size = 64;
  config.pad_token_id = 0;
  config.time_step_dim = 16;
  config.pos_embed_max_size = 8;
  config.original_max_position_embeddings = 16;
  config.max_position_embeddings = 64;
  config.rope_short_factor = {1.0, 1.1, 1.2, 1.3};
  config.rope_long_factor = {1.0, 2.0, 3.0, 4.0};
  return config;
}

// Weights by original name (`llm.layers.0.self_attn.qkv_proj.weight`, fused), as A.3 fills them.
inline std::map<std::string, at::Tensor> original_weights(const model::TransformerConfig& config) {
  const int64_t d = config.hidden_size;
  const int64_t f = config.intermediate_size;
  std::map<std::string, at::Tensor> weights;
  const auto add = [&](const std::string& name, const std::vector<int64_t>& shape) {
    if (name.ends_with("bias")) {
      weights[name] = hashed(name, shape, 0.1);
    } else if (name.find("norm") != std::string::npos) {
      weights[name] = hashed(name, shape, 0.1, 1.0);
    } else {
      weights[name] = hashed_weight(name, shape);
    }
  };
  for (const char* part : {"x_embedder.proj", "input_x_embedder.proj"}) {
    add(std::string(part) + ".weight", {d, config.in_channels, 2, 2});
    add(std::string(part) + ".bias", {d});
  }
  for (const char* part : {"time_token", "t_embedder"}) {
    add(std::string(part) + ".mlp.0.weight", {d, config.time_step_dim});
    add(std::string(part) + ".mlp.0.bias", {d});
    add(std::string(part) + ".mlp.2.weight", {d, d});
    add(std::string(part) + ".mlp.2.bias", {d});
  }
  add("final_layer.adaLN_modulation.1.weight", {2 * d, d});
  add("final_layer.adaLN_modulation.1.bias", {2 * d});
  add("final_layer.linear.weight", {4 * config.in_channels, d});
  add("final_layer.linear.bias", {4 * config.in_channels});
  weights["llm.embed_tokens.weight"] =
      hashed_latent("llm.embed_tokens.weight", {config.vocab_size, d});
  add("llm.norm.weight", {d});
  for (int64_t i = 0; i < config.num_layers; ++i) {
    const std::string layer = "llm.layers." + std::to_string(i);
    add(layer + ".input_layernorm.weight", {d});
    add(layer + ".post_attention_layernorm.weight", {d});
    add(layer + ".self_attn.qkv_proj.weight", {3 * d, d});
    add(layer + ".self_attn.o_proj.weight", {d, d});
    add(layer + ".mlp.gate_up_proj.weight", {2 * f, d});
    add(layer + ".mlp.down_proj.weight", {d, f});
  }
  return weights;
}

// The same by diffusers name, written out from the table of model.md 2.1.
inline std::map<std::string, at::Tensor> tiny_weights(const model::TransformerConfig& config) {
  const int64_t d = config.hidden_size;
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, value] : original_weights(config)) {
    std::string renamed = name;
    const auto replace = [&](const std::string& from, const std::string& to) {
      const size_t at = renamed.find(from);
      if (at != std::string::npos) renamed.replace(at, from.size(), to);
    };
    if (const size_t at = name.find("qkv_proj"); at != std::string::npos) {
      const std::string prefix = name.substr(4, at - 4);
      weights[prefix + "to_q.weight"] = value.narrow(0, 0, d);
      weights[prefix + "to_k.weight"] = value.narrow(0, d, d);
      weights[prefix + "to_v.weight"] = value.narrow(0, 2 * d, d);
      continue;
    }
    if (name.starts_with("input_x_embedder")) {
      replace("input_x_embedder.proj", "patch_embedding.input_image_proj");
    } else {
      replace("x_embedder.proj", "patch_embedding.output_image_proj");
    }
    replace("mlp.0.", "linear_1.");
    replace("mlp.2.", "linear_2.");
    replace("final_layer.adaLN_modulation.1.", "norm_out.linear.");
    replace("final_layer.linear.", "proj_out.");
    replace("llm.", "");
    replace("o_proj.", "to_out.0.");
    weights[renamed] = value;
  }
  return weights;
}

}  // namespace omnigen::test
