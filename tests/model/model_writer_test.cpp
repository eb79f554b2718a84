#include "model/model_writer.h"

#include <gtest/gtest.h>

#include "io/safetensors_reader.h"
#include "model/tiny_models.h"
#include "model/weight_map.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"

namespace omnigen::model {
namespace {

namespace fs = std::filesystem;

RandomModel tiny_model() {
  RandomModel model;
  model.transformer = test::tiny_config();
  model.autoencoder.block_out_channels = {8, 16};
  model.autoencoder.norm_num_groups = 4;
  model.seed = 7;
  return model;
}

// The published files, re-made from what was read of them.
TEST(ModelWriter, ConfigurationsAsThePublishedOnes) {
  const fs::path folder = test::golden_dir() / "tiny-omnigen";
  const auto expect_same = [&](const nlohmann::ordered_json& written, const std::string& file) {
    EXPECT_EQ(nlohmann::json::parse(written.dump()), test::read_json(folder / file)) << file;
  };
  expect_same(
      transformer_config_json(TransformerConfig::from_file(folder / "transformer/config.json")),
      "transformer/config.json");
  expect_same(autoencoder_config_json(AutoencoderConfig::from_file(folder / "vae/config.json")),
              "vae/config.json");
  expect_same(scheduler_config_json(), "scheduler/scheduler_config.json");
  expect_same(model_index_json(), "model_index.json");
}

TEST(ModelWriter, WhatIsWrittenLoads) {
  const test::TempDir dir;
  write_random_model(dir.path(), tiny_model());
  const auto transformer = load_transformer(dir.path(), {at::kBFloat16, at::kCPU});
  const auto autoencoder = load_autoencoder(dir.path() / "vae", {at::kFloat, at::kCPU});
  EXPECT_EQ(transformer->config().num_layers, 2);
  EXPECT_EQ(autoencoder->config().spatial_factor(), 2);
  EXPECT_TRUE(fs::exists(dir / "model_index.json"));
  EXPECT_TRUE(fs::exists(dir / "scheduler/scheduler_config.json"));
}

TEST(ModelWriter, ShardsHoldTheSameWeights) {
  const test::TempDir dir;
  RandomModel model = tiny_model();
  write_random_model(dir / "one", model);
  model.transformer_files.max_shard_bytes = 8000;
  std::vector<int64_t> progress;
  model.transformer_files.progress = [&](int64_t done, int64_t total) {
    progress.push_back(done);
    EXPECT_LE(done, total);
  };
  write_random_model(dir / "many", model);
  const io::SafetensorsFolder one(dir / "one/transformer", "diffusion_pytorch_model");
  const io::SafetensorsFolder many(dir / "many/transformer", "diffusion_pytorch_model");
  EXPECT_EQ(one.files().size(), 1U);
  EXPECT_GT(many.files().size(), 3U);
  ASSERT_EQ(one.names(), many.names());
  for (const std::string& name : one.names()) {
    EXPECT_TENSOR_EQ(many.tensor(name), one.tensor(name));
  }
  EXPECT_EQ(progress.size(), one.names().size());
  const auto index =
      test::read_json(dir / "many/transformer/diffusion_pytorch_model.safetensors.index.json");
  EXPECT_EQ(index.at("metadata").at("total_size").get<int64_t>(), progress.back());
  EXPECT_EQ(index.at("weight_map").size(), one.names().size());
}

TEST(ModelWriter, FilesCarryTheFormatThatDiffusersAsksFor) {
  const test::TempDir dir;
  write_random_model(dir.path(), tiny_model());
  for (const char* part : {"transformer", "vae"}) {
    const io::SafetensorsReader file(dir / part / "diffusion_pytorch_model.safetensors");
    EXPECT_EQ(file.metadata().at("format"), "pt");
  }
}

}  // namespace
}  // namespace omnigen::model
