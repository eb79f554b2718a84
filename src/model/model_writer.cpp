#include "model/model_writer.h"

#include <c10/util/accumulate.h>
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <vector>

#include "io/atomic_file.h"
#include "io/safetensors_writer.h"

namespace omnigen::model {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kDiffusersVersion = "0.39.0";
constexpr int kIndent = 2;

void write_json(const fs::path& path, const ordered_json& json) {
  io::write_atomically(path, json.dump(kIndent) + "\n");
}

// Whole numbers as integers: that is how the published files have them.
ordered_json number(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

int64_t bytes_of(const NamedShape& entry, at::ScalarType dtype) {
  return c10::multiply_integers(entry.shape) * static_cast<int64_t>(c10::elementSize(dtype));
}

std::vector<std::vector<NamedShape>> into_shards(const std::vector<NamedShape>& entries,
                                                 const WeightFiles& files) {
  std::vector<std::vector<NamedShape>> shards(1);
  int64_t held = 0;
  for (const NamedShape& entry : entries) {
    const int64_t bytes = bytes_of(entry, files.dtype);
    if (held > 0 && held + bytes > files.max_shard_bytes) {
      shards.emplace_back();
      held = 0;
    }
    shards.back().push_back(entry);
    held += bytes;
  }
  return shards;
}

std::string shard_name(const std::string& base, size_t index, size_t count) {
  if (count == 1) return fmt::format("{}.safetensors", base);
  return fmt::format("{}-{:05}-of-{:05}.safetensors", base, index + 1, count);
}

}  // namespace

ordered_json transformer_config_json(const TransformerConfig& config) {
  return {{"_class_name", "OmniGenTransformer2DModel"},
          {"_diffusers_version", kDiffusersVersion},
          {"downscale_freq_shift", 0},
          {"flip_sin_to_cos", true},
          {"hidden_size", config.hidden_size},
          {"in_channels", config.in_channels},
          {"intermediate_size", config.intermediate_size},
          {"max_position_embeddings", config.max_position_embeddings},
          {"num_attention_heads", config.num_attention_heads},
          {"num_key_value_heads", config.num_key_value_heads},
          {"num_layers", config.num_layers},
          {"original_max_position_embeddings", config.original_max_position_embeddings},
          {"pad_token_id", config.pad_token_id},
          {"patch_size", config.patch_size},
          {"pos_embed_max_size", config.pos_embed_max_size},
          {"rms_norm_eps", config.rms_norm_eps},
          {"rope_base", number(config.rope_base)},
          {"rope_scaling",
           {{"long_factor", config.rope_long_factor},
            {"short_factor", config.rope_short_factor},
            {"type", "su"}}},
          {"time_step_dim", config.time_step_dim},
          {"timestep_activation_fn", "silu"},
          {"vocab_size", config.vocab_size}};
}

ordered_json autoencoder_config_json(const AutoencoderConfig& config) {
  const size_t levels = config.block_out_channels.size();
  ordered_json shift;  // null: no shift
  if (config.shift_factor != 0.0) shift = config.shift_factor;
  return {{"_class_name", "AutoencoderKL"},
          {"_diffusers_version", kDiffusersVersion},
          {"act_fn", "silu"},
          {"block_out_channels", config.block_out_channels},
          {"down_block_types", std::vector<std::string>(levels, "DownEncoderBlock2D")},
          {"force_upcast", true},
          {"in_channels", config.in_channels},
          {"latent_channels", config.latent_channels},
          {"latents_mean", nullptr},
          {"latents_std", nullptr},
          {"layers_per_block", config.layers_per_block},
          {"mid_block_add_attention", true},
          {"norm_num_groups", config.norm_num_groups},
          {"out_channels", config.out_channels},
          {"sample_size", config.sample_size},
          {"scaling_factor", config.scaling_factor},
          {"shift_factor", shift},
          {"up_block_types", std::vector<std::string>(levels, "UpDecoderBlock2D")},
          {"use_post_quant_conv", config.use_post_quant_conv},
          {"use_quant_conv", config.use_quant_conv}};
}

ordered_json scheduler_config_json() {
  return {{"_class_name", "FlowMatchEulerDiscreteScheduler"},
          {"_diffusers_version", kDiffusersVersion},
          {"base_image_seq_len", 256},
          {"base_shift", 0.5},
          {"invert_sigmas", true},
          {"max_image_seq_len", 4096},
          {"max_shift", 1.15},
          {"num_train_timesteps", 1},
          {"shift", 1.0},
          {"shift_terminal", nullptr},
          {"stochastic_sampling", false},
          {"time_shift_type", "exponential"},
          {"use_beta_sigmas", false},
          {"use_dynamic_shifting", false},
          {"use_exponential_sigmas", false},
          {"use_karras_sigmas", false}};
}

ordered_json model_index_json() {
  return {{"_class_name", "OmniGenPipeline"},
          {"_diffusers_version", kDiffusersVersion},
          {"scheduler", {"diffusers", "FlowMatchEulerDiscreteScheduler"}},
          {"tokenizer", {"transformers", "LlamaTokenizerFast"}},
          {"transformer", {"diffusers", "OmniGenTransformer2DModel"}},
          {"vae", {"diffusers", "AutoencoderKL"}}};
}

WeightSource source_of(const RandomWeights& weights, at::ScalarType dtype) {
  WeightSource source;
  for (const RandomWeights::Entry& entry : weights.entries()) {
    source.entries.push_back({entry.name, entry.shape});
  }
  source.make = [&weights, dtype](const NamedShape& entry) {
    return weights.make({entry.name, entry.shape}, dtype);
  };
  return source;
}

void write_weights(const fs::path& folder, const WeightSource& weights, const WeightFiles& files) {
  const auto shards = into_shards(weights.entries, files);
  int64_t total = 0;
  for (const NamedShape& entry : weights.entries) total += bytes_of(entry, files.dtype);
  ordered_json index = {{"metadata", {{"total_size", total}}},
                        {"weight_map", ordered_json::object()}};
  int64_t done = 0;
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(files.base, i, shards.size());
    std::map<std::string, at::Tensor> tensors;
    for (const NamedShape& entry : shards[i]) {
      tensors[entry.name] = weights.make(entry).detach().to(files.dtype);
      index["weight_map"][entry.name] = name;
      done += bytes_of(entry, files.dtype);
      if (files.progress) files.progress(done, total);
    }
    io::write_safetensors(folder / name, tensors, {{"format", "pt"}});
  }
  if (shards.size() > 1) {
    write_json(folder / fmt::format("{}.safetensors.index.json", files.base), index);
  }
}

void write_random_model(const fs::path& folder, const RandomModel& model) {
  write_json(folder / "transformer" / "config.json", transformer_config_json(model.transformer));
  write_json(folder / "scheduler" / "scheduler_config.json", scheduler_config_json());
  if (model.with_autoencoder) {
    write_json(folder / "vae" / "config.json", autoencoder_config_json(model.autoencoder));
    const auto vae = RandomWeights::of_autoencoder(model.autoencoder, model.scheme, model.seed);
    write_weights(folder / "vae", source_of(vae, model.autoencoder_files.dtype),
                  model.autoencoder_files);
  }
  const auto random = RandomWeights::of_transformer(model.transformer, model.scheme, model.seed);
  write_weights(folder / "transformer", source_of(random, model.transformer_files.dtype),
                model.transformer_files);
  write_json(folder / "model_index.json", model_index_json());  // last: the folder is complete
}

}  // namespace omnigen::model
