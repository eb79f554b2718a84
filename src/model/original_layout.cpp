#include "model/original_layout.h"

#include <fmt/format.h>

#include <array>
#include <tuple>
#include <utility>
#include <vector>

#include "io/safetensors_reader.h"
#include "model/json_config.h"
#include "model/omnigen_transformer.h"
#include "model/weight_map.h"
#include "util/error.h"

namespace omnigen::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFusedName = "self_attn.qkv_proj.weight";
constexpr int64_t kFixedPositionSide = 192;

std::string original_name(const std::string& name) {
  static const std::array<std::pair<const char*, const char*>, 9> kRenamed = {
      {{"patch_embedding.output_image_proj.", "x_embedder.proj."},
       {"patch_embedding.input_image_proj.", "input_x_embedder.proj."},
       {"patch_embedding.pos_embed", "pos_embed"},
       {"time_token.linear_1.", "time_token.mlp.0."},
       {"time_token.linear_2.", "time_token.mlp.2."},
       {"t_embedder.linear_1.", "t_embedder.mlp.0."},
       {"t_embedder.linear_2.", "t_embedder.mlp.2."},
       {"norm_out.linear.", "final_layer.adaLN_modulation.1."},
       {"proj_out.", "final_layer.linear."}}};
  for (const auto& [ours, theirs] : kRenamed) {
    if (name.starts_with(ours)) return theirs + name.substr(std::string(ours).size());
  }
  const size_t out = name.find(".to_out.0.");
  if (out != std::string::npos) {
    return "llm." + name.substr(0, out) + ".o_proj." + name.substr(out + 10);
  }
  return "llm." + name;
}

// 0, 1, 2 for to_q, to_k, to_v; -1 for every other weight.
int64_t part_of_fused(const std::string& name) {
  const std::array<const char*, 3> parts = {".to_q.", ".to_k.", ".to_v."};
  for (size_t i = 0; i < parts.size(); ++i) {
    if (name.find(parts.at(i)) != std::string::npos) return static_cast<int64_t>(i);
  }
  return -1;
}

// "layers.3.self_attn.to_q.weight" -> "llm.layers.3.self_attn.qkv_proj.weight".
std::string fused_name(const std::string& name) {
  return "llm." + name.substr(0, name.find("self_attn.")) + kFusedName;
}

std::map<std::string, std::vector<int64_t>> original_shapes(const TransformerConfig& config) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto& [name, shape] : weight_shapes(config)) {
    if (part_of_fused(name) < 0) {
      shapes[original_name(name)] = shape;
    } else {
      shapes[fused_name(name)] = {3 * shape[0], shape[1]};
    }
  }
  return shapes;
}

}  // namespace

bool is_original_layout(const fs::path& config_path) {
  const JsonConfig json(config_path);
  return !json.has("_class_name") && json.has("num_hidden_layers");
}

TransformerConfig original_config(const fs::path& config_path) {
  const JsonConfig json(config_path);
  json.require("hidden_act", "silu");
  TransformerConfig config = TransformerConfig::omnigen_v1();
  config.hidden_size = json.integer("hidden_size", config.hidden_size);
  config.num_layers = json.integer("num_hidden_layers", config.num_layers);
  config.num_attention_heads = json.integer("num_attention_heads", config.num_attention_heads);
  config.num_key_value_heads = json.integer("num_key_value_heads", config.num_attention_heads);
  config.intermediate_size = json.integer("intermediate_size", config.intermediate_size);
  config.vocab_size = json.integer("vocab_size", config.vocab_size);
  config.rms_norm_eps = json.number("rms_norm_eps", config.rms_norm_eps);
  config.rope_base = json.number("rope_theta", config.rope_base);
  config.max_position_embeddings =
      json.integer("max_position_embeddings", config.max_position_embeddings);
  config.original_max_position_embeddings =
      json.integer("original_max_position_embeddings", config.original_max_position_embeddings);
  // Padding is never part of a packed sequence: any row of the table will do.
  config.pad_token_id =
      std::min(json.integer("pad_token_id", config.pad_token_id), config.vocab_size - 1);
  if (json.has("rope_scaling")) {
    const JsonConfig scaling = json.object("rope_scaling");
    config.rope_short_factor = scaling.numbers("short_factor", {});
    config.rope_long_factor = scaling.numbers("long_factor", {});
  }
  config.pos_embed_max_size = kFixedPositionSide;
  try {
    config.validate();
  } catch (const util::DataError& error) {
    throw util::DataError(fmt::format("{}: {}", config_path.string(), error.what()));
  }
  return config;
}

std::map<std::string, at::Tensor> read_original(const fs::path& folder,
                                                const TransformerConfig& config) {
  const io::SafetensorsFolder files(folder, "model");
  std::map<std::string, std::vector<int64_t>> found;
  for (const std::string& name : files.names()) found[name] = files.info(name).shape;
  require_exact(folder.string(), original_shapes(config), found, {"pos_embed"});
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, shape] : trained_shapes(config)) {
    const int64_t part = part_of_fused(name);
    weights[name] = part < 0 ? files.tensor(original_name(name))
                             : files.tensor(fused_name(name)).narrow(0, part * shape[0], shape[0]);
  }
  if (files.contains("pos_embed")) weights[kPositionTable] = files.tensor("pos_embed");
  return weights;
}

nlohmann::ordered_json original_config_json(const TransformerConfig& config) {
  const TransformerConfig fixed;
  for (const auto& [name, value, expected] :
       {std::tuple{"pos_embed_max_size", config.pos_embed_max_size, kFixedPositionSide},
        {"time_step_dim", config.time_step_dim, fixed.time_step_dim},
        {"in_channels", config.in_channels, fixed.in_channels},
        {"patch_size", config.patch_size, fixed.patch_size}}) {
    if (value == expected) continue;
    throw util::ConfigError(
        fmt::format("{}: this model has {}, the original layout is of models with {} only; export "
                    "it as diffusers",
                    name, value, expected));
  }
  return {{"architectures", {"Phi3ForCausalLM"}},
          {"attention_bias", false},
          {"attention_dropout", 0.0},
          {"bos_token_id", 1},
          {"embd_pdrop", 0.0},
          {"eos_token_id", 32000},
          {"hidden_act", "silu"},
          {"hidden_size", config.hidden_size},
          {"initializer_range", 0.02},
          {"intermediate_size", config.intermediate_size},
          {"max_position_embeddings", config.max_position_embeddings},
          {"model_type", "phi3"},
          {"num_attention_heads", config.num_attention_heads},
          {"num_hidden_layers", config.num_layers},
          {"num_key_value_heads", config.num_key_value_heads},
          {"original_max_position_embeddings", config.original_max_position_embeddings},
          {"pad_token_id", config.pad_token_id},
          {"resid_pdrop", 0.0},
          {"rms_norm_eps", config.rms_norm_eps},
          {"rope_scaling",
           {{"long_factor", config.rope_long_factor},
            {"short_factor", config.rope_short_factor},
            {"type", "su"}}},
          {"rope_theta", config.rope_base},
          {"sliding_window", config.max_position_embeddings * 2},
          {"tie_word_embeddings", false},
          {"use_cache", true},
          {"vocab_size", config.vocab_size}};
}

WeightSource original_source(const TransformerConfig& config,
                             const std::function<at::Tensor(const std::string&)>& weight) {
  std::map<std::string, std::string> ours;  // original name -> the first weight's that it holds
  WeightSource source;
  for (const auto& [name, shape] : trained_shapes(config)) {
    const int64_t part = part_of_fused(name);
    if (part < 0) {
      source.entries.push_back({original_name(name), shape});
      ours[original_name(name)] = name;
    } else if (part == 0) {
      source.entries.push_back({fused_name(name), {3 * shape[0], shape[1]}});
      ours[fused_name(name)] = name;
    }
  }
  const int64_t side = config.pos_embed_max_size;
  source.entries.push_back({original_name(kPositionTable), {1, side * side, config.hidden_size}});
  ours[original_name(kPositionTable)] = kPositionTable;
  source.make = [ours, weight](const NamedShape& entry) {
    const std::string& name = ours.at(entry.name);
    if (part_of_fused(name) < 0) return weight(name);
    const size_t at = name.find("to_q");
    std::vector<at::Tensor> parts;
    for (const char* part : {"to_q", "to_k", "to_v"}) {
      parts.push_back(weight(std::string(name).replace(at, 4, part)));
    }
    return at::cat(parts, 0);
  };
  return source;
}

}  // namespace omnigen::model
