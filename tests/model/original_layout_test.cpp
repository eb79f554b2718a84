#include "model/original_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "io/safetensors_writer.h"
#include "model/model_writer.h"
#include "model/tiny_models.h"
#include "model/tiny_samples.h"
#include "model/weight_map.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::model {
namespace {

namespace fs = std::filesystem;

// The tiny model with what the original layout fixes: position side and time features.
TransformerConfig fixed_config() {
  TransformerConfig config = test::tiny_config();
  config.pos_embed_max_size = 192;
  config.time_step_dim = 256;
  return config;
}

void write_original(const fs::path& folder, const std::map<std::string, at::Tensor>& weights) {
  const TransformerConfig config = fixed_config();
  const nlohmann::json json = {
      {"architectures", {"Phi3ForCausalLM"}},
      {"hidden_act", "silu"},
      {"hidden_size", config.hidden_size},
      {"intermediate_size", config.intermediate_size},
      {"max_position_embeddings", config.max_position_embeddings},
      {"num_attention_heads", config.num_attention_heads},
      {"num_hidden_layers", config.num_layers},
      {"num_key_value_heads", config.num_key_value_heads},
      {"original_max_position_embeddings", config.original_max_position_embeddings},
      {"rms_norm_eps", config.rms_norm_eps},
      {"rope_theta", config.rope_base},
      {"rope_scaling",
       {{"type", "su"},
        {"short_factor", config.rope_short_factor},
        {"long_factor", config.rope_long_factor}}},
      {"vocab_size", config.vocab_size}};
  fs::create_directories(folder);
  std::ofstream(folder / "config.json") << json.dump();
  io::write_safetensors(folder / "model.safetensors", weights);
}

TEST(OriginalLayout, GivesTheSameModel) {
  const test::TempDir dir;
  write_original(dir.path(), test::original_weights(fixed_config()));
  const auto converted = load_transformer(dir.path(), {at::kFloat, at::kCPU});
  const OmniGenTransformer direct(fixed_config(), test::tiny_weights(fixed_config()));
  const MicroBatch batch = {test::image_sample("latent_c", 8, 6, 0.75)};
  EXPECT_TENSOR_EQ(converted->forward(batch)[0], direct.forward(batch)[0]);
}

TEST(OriginalLayout, AStoredPositionTableIsUsed) {
  const test::TempDir dir;
  auto weights = test::original_weights(fixed_config());
  write_original(dir / "computed", weights);
  weights["pos_embed"] = at::zeros({1, 192 * 192, 32});
  write_original(dir / "stored", weights);
  const MicroBatch batch = {test::image_sample("latent_c", 8, 6, 0.75)};
  const auto run = [&](const fs::path& folder) {
    return load_transformer(folder, {at::kFloat, at::kCPU})->forward(batch)[0];
  };
  EXPECT_FALSE(at::allclose(run(dir / "stored"), run(dir / "computed")));
}

TEST(OriginalLayout, MissingWeightsHaveTheFilesOwnNames) {
  const test::TempDir dir;
  auto weights = test::original_weights(fixed_config());
  weights.erase("llm.layers.1.self_attn.qkv_proj.weight");
  weights.erase("final_layer.adaLN_modulation.1.bias");
  write_original(dir.path(), weights);
  try {
    load_transformer(dir.path(), {at::kFloat, at::kCPU});
    FAIL() << "no error";
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("llm.layers.1.self_attn.qkv_proj.weight"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("final_layer.adaLN_modulation.1.bias"));
  }
}

// Every weight comes back under its own name, and the fused ones are those of the file.
TEST(OriginalLayout, WhatIsWrittenIsWhatWasRead) {
  const test::TempDir dir;
  const TransformerConfig config = fixed_config();
  const auto theirs = test::original_weights(config);
  const auto ours = test::tiny_weights(config);
  const at::Tensor table = at::rand({1, 192 * 192, config.hidden_size});
  const WeightSource source = original_source(config, [&](const std::string& name) {
    return name == kPositionTable ? table : ours.at(name);
  });
  ASSERT_EQ(source.entries.size(), theirs.size() + 1);
  for (const NamedShape& entry : source.entries) {
    const at::Tensor made = source.make(entry);
    EXPECT_EQ(made.sizes(), at::IntArrayRef(entry.shape)) << entry.name;
    EXPECT_TENSOR_EQ(made, entry.name == "pos_embed" ? table : theirs.at(entry.name));
  }
  write_weights(dir.path(), source, {.dtype = at::kFloat, .base = "model"});
  std::ofstream(dir / "config.json") << original_config_json(config).dump();
  const TransformerConfig read = read_transformer_config(dir.path());
  EXPECT_EQ(transformer_config_json(read), transformer_config_json(config));
  const auto stored = stored_weights(dir.path(), read);
  EXPECT_EQ(stored.size(), ours.size() + 1);
  for (const auto& [name, value] : ours) EXPECT_TENSOR_EQ(stored.at(name), value);
  EXPECT_TENSOR_EQ(stored.at(kPositionTable), table);
}

TEST(OriginalLayout, HasNoPlaceForOtherSizes) {
  TransformerConfig config = fixed_config();
  config.time_step_dim = 16;
  try {
    static_cast<void>(original_config_json(config));
    FAIL() << "no error";
  } catch (const util::ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("time_step_dim: this model has 16"));
  }
}

}  // namespace
}  // namespace omnigen::model
