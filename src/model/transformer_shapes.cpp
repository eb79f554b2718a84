// The module tree and the weights' shapes of OmniGenTransformer, from its configuration alone.
#include <c10/util/accumulate.h>
#include <fmt/format.h>

#include "model/omnigen_transformer.h"

namespace omnigen::model {
namespace {

class TreeBuilder {
 public:
  void add(const std::string& name, const std::string& class_name) {
    tree_.push_back({name, class_name, 0, 0, nullptr});
  }
  void add_linear(const std::string& name, int64_t out, int64_t in) {
    tree_.push_back({name, "Linear", out, in, nullptr});
  }
  nn::ModuleTree take() { return std::move(tree_); }

 private:
  nn::ModuleTree tree_;
};

void add_time_mlp(TreeBuilder& tree, const TransformerConfig& config, const std::string& name) {
  tree.add(name, "TimestepEmbedding");
  tree.add_linear(name + ".linear_1", config.hidden_size, config.time_step_dim);
  tree.add(name + ".act", "SiLU");
  tree.add_linear(name + ".linear_2", config.hidden_size, config.hidden_size);
}

void add_block(TreeBuilder& tree, const TransformerConfig& config, int64_t index) {
  const int64_t hidden = config.hidden_size;
  const std::string block = fmt::format("layers.{}", index);
  tree.add(block, "OmniGenBlock");
  tree.add(block + ".input_layernorm", "RMSNorm");
  tree.add(block + ".self_attn", "Attention");
  for (const char* part : {"to_q", "to_k", "to_v"}) {
    tree.add_linear(fmt::format("{}.self_attn.{}", block, part), hidden, hidden);
  }
  tree.add(block + ".self_attn.to_out", "ModuleList");
  tree.add_linear(block + ".self_attn.to_out.0", hidden, hidden);
  tree.add(block + ".self_attn.to_out.1", "Dropout");
  tree.add(block + ".post_attention_layernorm", "RMSNorm");
  tree.add(block + ".mlp", "OmniGenFeedForward");
  tree.add_linear(block + ".mlp.gate_up_proj", 2 * config.intermediate_size, hidden);
  tree.add_linear(block + ".mlp.down_proj", hidden, config.intermediate_size);
  tree.add(block + ".mlp.activation_fn", "SiLU");
}

}  // namespace

nn::ModuleTree module_tree(const TransformerConfig& config) {
  TreeBuilder tree;
  tree.add("", "OmniGenTransformer2DModel");
  tree.add("patch_embedding", "OmniGenPatchEmbed");
  tree.add("patch_embedding.output_image_proj", "Conv2d");
  tree.add("patch_embedding.input_image_proj", "Conv2d");
  tree.add("time_proj", "Timesteps");
  add_time_mlp(tree, config, "time_token");
  add_time_mlp(tree, config, "t_embedder");
  tree.add("embed_tokens", "Embedding");
  tree.add("rope", "OmniGenSuScaledRotaryEmbedding");
  tree.add("layers", "ModuleList");
  for (int64_t i = 0; i < config.num_layers; ++i) add_block(tree, config, i);
  tree.add("norm", "RMSNorm");
  tree.add("norm_out", "AdaLayerNorm");
  tree.add("norm_out.silu", "SiLU");
  tree.add_linear("norm_out.linear", 2 * config.hidden_size, config.hidden_size);
  tree.add("norm_out.norm", "LayerNorm");
  tree.add_linear("proj_out", config.patch_size * config.patch_size * config.in_channels,
                  config.hidden_size);
  return tree.take();
}

std::vector<std::pair<std::string, std::vector<int64_t>>> trained_shapes(
    const TransformerConfig& config) {
  const int64_t hidden = config.hidden_size;
  std::vector<std::pair<std::string, std::vector<int64_t>>> shapes;
  for (const nn::ModuleInfo& module : module_tree(config)) {
    const std::string weight = module.name + ".weight";
    if (module.is_linear()) {
      shapes.emplace_back(weight, std::vector{module.out_features, module.in_features});
      if (!module.name.starts_with("layers.")) {
        shapes.emplace_back(module.name + ".bias", std::vector{module.out_features});
      }
    } else if (module.class_name == "Conv2d") {
      shapes.emplace_back(
          weight, std::vector{hidden, config.in_channels, config.patch_size, config.patch_size});
      shapes.emplace_back(module.name + ".bias", std::vector{hidden});
    } else if (module.class_name == "Embedding") {
      shapes.emplace_back(weight, std::vector{config.vocab_size, hidden});
    } else if (module.class_name == "RMSNorm") {
      shapes.emplace_back(weight, std::vector{hidden});
    }
  }
  return shapes;
}

int64_t num_parameters(const TransformerConfig& config) {
  int64_t total = 0;
  for (const auto& [name, shape] : trained_shapes(config)) total += c10::multiply_integers(shape);
  return total;
}

std::map<std::string, std::vector<int64_t>> weight_shapes(const TransformerConfig& config) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (auto& [name, shape] : trained_shapes(config)) shapes.emplace(name, std::move(shape));
  const int64_t side = config.pos_embed_max_size;
  shapes.emplace(kPositionTable, std::vector<int64_t>{1, side * side, config.hidden_size});
  return shapes;
}

}  // namespace omnigen::model
