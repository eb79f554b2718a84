#include "model/autoencoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "model/model_writer.h"
#include "model/tiny_models.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::model {
namespace {

AutoencoderConfig tiny_vae() {
  AutoencoderConfig config;
  config.block_out_channels = {8, 8, 16, 16};
  config.norm_num_groups = 4;
  config.sample_size = 32;
  return config;
}

// model.md A.4.
std::map<std::string, at::Tensor> vae_weights(const AutoencoderConfig& config,
                                              at::ScalarType dtype = at::kFloat) {
  std::map<std::string, at::Tensor> weights;
  for (const auto& [name, shape] : weight_shapes(config)) {
    if (name.ends_with("bias")) {
      weights[name] = test::hashed(name, shape, 0.1);
    } else if (name.find("norm") != std::string::npos) {
      weights[name] = test::hashed(name, shape, 0.1, 1.0);
    } else {
      weights[name] = test::hashed_weight(name, shape);
    }
    weights[name] = weights[name].to(dtype);
  }
  return weights;
}

struct PublishedDecoding {
  double sum;
  double squares;
  std::vector<double> first;
  std::vector<double> last;
};

void expect_decoding(const at::Tensor& actual, const std::vector<int64_t>& shape,
                     const PublishedDecoding& expected) {
  ASSERT_EQ(actual.sizes(), at::IntArrayRef(shape));
  const at::Tensor flat = actual.flatten().to(at::kDouble);
  EXPECT_NEAR(flat.sum().item<double>(), expected.sum, 1e-3);
  EXPECT_NEAR(flat.square().sum().item<double>(), expected.squares, 5e-3);
  for (size_t i = 0; i < expected.first.size(); ++i) {
    EXPECT_NEAR(flat[static_cast<int64_t>(i)].item<double>(), expected.first[i], 2e-5);
  }
  const auto tail = static_cast<int64_t>(expected.last.size());
  for (int64_t i = 0; i < tail; ++i) {
    EXPECT_NEAR(flat[flat.size(0) - tail + i].item<double>(), expected.last[static_cast<size_t>(i)],
                2e-5);
  }
}

TEST(Autoencoder, PublishedMoments) {
  const Autoencoder autoencoder(tiny_vae(), vae_weights(tiny_vae()));
  expect_decoding(autoencoder.encode_moments(test::hashed("image", {1, 3, 32, 48})), {1, 8, 4, 6},
                  {1.80656,
                   46.24837,
                   {-1.11182, -0.53845, -0.70544, -0.63415, 0.70762, 0.21215},
                   {0.26257, 0.32884, 0.28874}});
}

TEST(Autoencoder, PublishedImage) {
  const Autoencoder autoencoder(tiny_vae(), vae_weights(tiny_vae()));
  expect_decoding(autoencoder.decode(test::hashed_latent("z", {1, 4, 4, 6})), {1, 3, 32, 48},
                  {-102.99219,
                   1424.42059,
                   {-0.23497, -0.08236, -0.2181, -0.21855, -0.13203, -0.15919},
                   {0.24346, 0.14967, -0.04808}});
}

TEST(Autoencoder, PublishedTiledMoments) {
  Autoencoder autoencoder(tiny_vae(), vae_weights(tiny_vae()));
  autoencoder.set_options({.tiling = true});
  expect_decoding(autoencoder.encode_moments(test::hashed("image", {1, 3, 32, 48})), {1, 8, 4, 6},
                  {1.90343,
                   43.10920,
                   {-1.30307, -0.37434, -0.79385, -0.18591, 0.67526, 0.01683},
                   {0.14317, 0.46676, 0.25381}});
}

TEST(Autoencoder, PublishedTiledImage) {
  Autoencoder autoencoder(tiny_vae(), vae_weights(tiny_vae()));
  autoencoder.set_options({.tiling = true});
  expect_decoding(autoencoder.decode(test::hashed_latent("z2", {1, 4, 6, 5})), {1, 3, 48, 40},
                  {-501.09800,
                   1285.91343,
                   {-0.07738, -0.05756, -0.44572, -0.41975, -0.2303, -0.1764},
                   {0.06052, 0.58291, 0.88485}});
}

TEST(Autoencoder, TilingLeavesImagesOfOneTileAlone) {
  Autoencoder autoencoder(tiny_vae(), vae_weights(tiny_vae()));
  const at::Tensor image = test::hashed("image", {1, 3, 32, 32});
  const at::Tensor plain = autoencoder.encode_moments(image);
  autoencoder.set_options({.tiling = true});
  EXPECT_TENSOR_EQ(autoencoder.encode_moments(image), plain);
}

TEST(Autoencoder, SlicingGivesTheSameImages) {
  Autoencoder autoencoder(tiny_vae(), vae_weights(tiny_vae()));
  const at::Tensor image = test::hashed("image", {3, 3, 32, 16});
  const at::Tensor plain = autoencoder.encode_moments(image);
  autoencoder.set_options({.slicing = true});
  EXPECT_TENSOR_NEAR(autoencoder.encode_moments(image), plain, test::kVae);
}

TEST(Autoencoder, Bfloat16StaysNearAndAnswersInFloat32) {
  const Autoencoder exact(tiny_vae(), vae_weights(tiny_vae()));
  const Autoencoder rounded(tiny_vae(), vae_weights(tiny_vae(), at::kBFloat16));
  const at::Tensor image = test::hashed("image", {1, 3, 32, 48});
  const at::Tensor moments = rounded.encode_moments(image);
  EXPECT_EQ(moments.scalar_type(), at::kFloat);
  EXPECT_EQ(rounded.dtype(), at::kBFloat16);
  EXPECT_TENSOR_NEAR(moments, exact.encode_moments(image), test::kBfloat16Vae);
}

TEST(Autoencoder, ShiftAndScaleAreInverse) {
  AutoencoderConfig config = tiny_vae();
  config.shift_factor = 0.25;
  config.scaling_factor = 0.5;
  const Autoencoder autoencoder(config, vae_weights(config));
  EXPECT_FLOAT_EQ(autoencoder.scale_latent(at::tensor({2.25F})).item<float>(), 1.0F);
  EXPECT_FLOAT_EQ(autoencoder.unscale_latent(at::tensor({1.0F})).item<float>(), 2.25F);
}

TEST(Autoencoder, RefusesSidesThatDoNotFit) {
  const Autoencoder autoencoder(tiny_vae(), vae_weights(tiny_vae()));
  EXPECT_THROW(autoencoder.encode_moments(at::ones({1, 3, 32, 36})), c10::Error);
  EXPECT_THROW(autoencoder.decode(at::ones({1, 3, 4, 4})), c10::Error);
}

// model.md 9.1.
TEST(AutoencoderConfig, CountsOfThePublishedModel) {
  int64_t total = 0;
  const auto shapes = weight_shapes(AutoencoderConfig());
  for (const auto& [name, shape] : shapes) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    total += count;
  }
  EXPECT_EQ(shapes.size(), 248U);
  EXPECT_EQ(total, 83653863);
}

void expect_key_refused(const std::string& key, const nlohmann::json& value) {
  const test::TempDir dir;
  nlohmann::json json = test::read_json(test::golden_dir() / "tiny-omnigen/vae/config.json");
  json[key] = value;
  std::ofstream(dir / "config.json") << json.dump();
  try {
    AutoencoderConfig::from_file(dir / "config.json");
    FAIL() << "no error for " << key;
  } catch (const util::DataError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("'" + key + "'"));
  }
}

TEST(AutoencoderConfig, RefusesWhatItDoesNotCompute) {
  expect_key_refused("act_fn", "gelu");
  expect_key_refused("mid_block_add_attention", false);
  expect_key_refused("latents_mean", {0.0, 0.0, 0.0, 0.0});
  expect_key_refused("down_block_types", {"DownEncoderBlock2D"});
  expect_key_refused("up_block_types", {"A", "B", "C", "D"});
  expect_key_refused("block_out_channels", {8, 16, 16, 18});
  expect_key_refused("layers_per_block", 0);
  expect_key_refused("sample_size", "32");
}

TEST(AutoencoderConfig, WrittenAndReadAgain) {
  const test::TempDir dir;
  AutoencoderConfig config = tiny_vae();
  config.shift_factor = 0.1;
  std::ofstream(dir / "config.json") << autoencoder_config_json(config).dump();
  const AutoencoderConfig again = AutoencoderConfig::from_file(dir / "config.json");
  EXPECT_EQ(autoencoder_config_json(again), autoencoder_config_json(config));
}

}  // namespace
}  // namespace omnigen::model
