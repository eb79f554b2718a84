// The module tree of an OmniGen transformer, from sizes alone, in diffusers' order of definition.
#pragma once

#include <fmt/format.h>
#include <torch/types.h>

#include <deque>
#include <string>

#include "nn/linear.h"
#include "nn/module_info.h"

namespace omnigen::test {

struct OmniGenSizes {
  int64_t hidden = 16;
  int64_t intermediate = 40;
  int64_t layers = 2;
};
inline constexpr OmniGenSizes kPublishedOmniGen{3072, 8192, 32};

inline nn::ModuleTree omnigen_tree(const OmniGenSizes& sizes) {
  nn::ModuleTree tree;
  const auto add = [&](const std::string& name, const char* class_name) {
    tree.push_back({name, class_name, 0, 0, nullptr});
  };
  const auto linear = [&](const std::string& name, int64_t out, int64_t in) {
    tree.push_back({name, "Linear", out, in, nullptr});
  };
  const int64_t hidden = sizes.hidden;
  add("", "OmniGenTransformer2DModel");
  add("patch_embedding", "OmniGenPatchEmbed");
  add("patch_embedding.output_image_proj", "Conv2d");
  add("patch_embedding.input_image_proj", "Conv2d");
  add("time_proj", "Timesteps");
  for (const std::string name : {"time_token", "t_embedder"}) {
    add(name, "TimestepEmbedding");
    linear(name + ".linear_1", hidden, 256);
    add(name + ".act", "SiLU");
    linear(name + ".linear_2", hidden, hidden);
  }
  add("embed_tokens", "Embedding");
  add("rope", "OmniGenSuScaledRotaryEmbedding");
  add("layers", "ModuleList");
  for (int64_t i = 0; i < sizes.layers; ++i) {
    const std::string block = fmt::format("layers.{}", i);
    add(block, "OmniGenBlock");
    add(block + ".input_layernorm", "RMSNorm");
    add(block + ".self_attn", "Attention");
    for (const char* part : {"to_q", "to_k", "to_v"}) {
      linear(fmt::format("{}.self_attn.{}", block, part), hidden, hidden);
    }
    add(block + ".self_attn.to_out", "ModuleList");
    linear(block + ".self_attn.to_out.0", hidden, hidden);
    add(block + ".self_attn.to_out.1", "Dropout");
    add(block + ".post_attention_layernorm", "RMSNorm");
    add(block + ".mlp", "OmniGenFeedForward");
    linear(block + ".mlp.gate_up_proj", 2 * sizes.intermediate, hidden);
    linear(block + ".mlp.down_proj", hidden, sizes.intermediate);
    add(block + ".mlp.activation_fn", "SiLU");
  }
  add("norm", "RMSNorm");
  add("norm_out", "AdaLayerNorm");
  add("norm_out.silu", "SiLU");
  linear("norm_out.linear", 2 * hidden, hidden);
  add("norm_out.norm", "LayerNorm");
  linear("proj_out", 16, hidden);
  return tree;
}

// A tree whose linear layers are there, with weights of a fixed pattern.
struct SmallModel {
  explicit SmallModel(const OmniGenSizes& sizes = {}) : tree(omnigen_tree(sizes)) {
    for (nn::ModuleInfo& module : tree) {
      if (!module.is_linear()) continue;
      const int64_t count = module.out_features * module.in_features;
      layers.push_back({at::linspace(-1, 1, count).view({module.out_features, module.in_features}),
                        at::Tensor(), nullptr});
      module.linear = &layers.back();
    }
  }
  nn::Linear& layer(const std::string& name) {
    for (const nn::ModuleInfo& module : tree) {
      if (module.name == name && module.linear != nullptr) return *module.linear;
    }
    TORCH_CHECK(false, "no linear layer ", name);
  }

  nn::ModuleTree tree;
  std::deque<nn::Linear> layers;
};

}  // namespace omnigen::test
