#include "cache/latent_encoder.h"

#include <gtest/gtest.h>

#include "model/weight_map.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::cache {
namespace {

data::Image picture(uint8_t start) {
  data::Image image{32, 16, {}};
  for (int i = 0; i < 32 * 16 * 3; ++i) image.pixels.push_back(static_cast<uint8_t>(start + i * 7));
  return image;
}

std::unique_ptr<model::Autoencoder> tiny_vae(at::ScalarType dtype) {
  return model::load_autoencoder(test::golden_dir() / "tiny-omnigen/vae", {dtype, at::kCPU});
}

VaeSettings vae_settings(at::ScalarType dtype) {
  return {.folder = {}, .dtype = dtype, .tiling = false, .sample_posterior = true, .seed = 1};
}

TEST(LatentEncoder, KeepsTheOrderOfABatch) {
  const std::vector<data::Image> pictures = {picture(0), picture(90), picture(200)};
  LatentEncoder encoder(vae_settings(at::kFloat), tiny_vae);
  const auto together =
      encoder.encode("p", {{"a", &pictures[0]}, {"b", &pictures[1]}, {"c", &pictures[2]}});
  ASSERT_EQ(together.size(), 3U);
  const char* names[] = {"a", "b", "c"};
  for (size_t i = 0; i < 3; ++i) {
    const auto alone = encoder.encode("p", {{names[i], &pictures[i]}});
    EXPECT_TENSOR_NEAR(together[i].latent_CHW, alone[0].latent_CHW, test::kVae);
  }
}

TEST(LatentEncoder, TheSampleIsKeyedByDataSetAndPath) {
  const data::Image image = picture(3);
  LatentEncoder encoder(vae_settings(at::kFloat), tiny_vae);
  const at::Tensor first = encoder.encode("p", {{"a", &image}})[0].latent_CHW;
  EXPECT_TENSOR_EQ(encoder.encode("p", {{"a", &image}})[0].latent_CHW, first);
  for (const auto& [id, path] : {std::pair{"p", "b"}, std::pair{"q", "a"}}) {
    EXPECT_FALSE(test::tensor_equal(encoder.encode(id, {{path, &image}})[0].latent_CHW, first, id));
  }
}

TEST(LatentEncoder, GivesTheCachesType) {
  const data::Image image = picture(3);
  LatentEncoder encoder(vae_settings(at::kBFloat16), tiny_vae);
  EXPECT_EQ(encoder.encode("p", {{"a", &image}})[0].latent_CHW.scalar_type(), at::kBFloat16);
}

TEST(LatentEncoder, ALatentThatIsNotFiniteIsTriedInFloat32) {
  int num_float32 = 0;
  const auto load = [&](at::ScalarType dtype) {
    if (dtype == at::kFloat) {
      ++num_float32;
      return tiny_vae(at::kFloat);
    }
    auto config =
        model::AutoencoderConfig::from_file(test::golden_dir() / "tiny-omnigen/vae/config.json");
    std::map<std::string, at::Tensor> weights;
    for (const auto& [name, shape] : model::weight_shapes(config)) {
      weights[name] = at::full(shape, NAN, at::kBFloat16);
    }
    return std::make_unique<model::Autoencoder>(config, weights);
  };
  const data::Image image = picture(3);
  LatentEncoder encoder(vae_settings(at::kBFloat16), load);
  EXPECT_TRUE(encoder.encode("p", {{"a", &image}})[0].latent_CHW.defined());
  EXPECT_EQ(num_float32, 1);
}

TEST(LatentEncoder, ALatentThatIsNeverFiniteFails) {
  const auto load = [](at::ScalarType dtype) {
    auto config =
        model::AutoencoderConfig::from_file(test::golden_dir() / "tiny-omnigen/vae/config.json");
    std::map<std::string, at::Tensor> weights;
    for (const auto& [name, shape] : model::weight_shapes(config)) {
      weights[name] = at::full(shape, NAN, dtype);
    }
    return std::make_unique<model::Autoencoder>(config, weights);
  };
  const data::Image image = picture(3);
  LatentEncoder encoder(vae_settings(at::kFloat), load);
  const EncodedImage result = encoder.encode("p", {{"a", &image}})[0];
  EXPECT_FALSE(result.latent_CHW.defined());
  EXPECT_EQ(result.reason, FailReason::kNotFinite);
}

}  // namespace
}  // namespace omnigen::cache
