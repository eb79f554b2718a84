#include <gtest/gtest.h>

#include "model/autoencoder.h"
#include "model/weight_map.h"
#include "support/golden.h"
#include "support/tensor_near.h"

namespace omnigen::model {
namespace {

using test::golden_cases;
using test::GoldenCase;

std::unique_ptr<Autoencoder> load(const GoldenCase& golden) {
  const std::filesystem::path model =
      golden.json.at("config").at("model").get<std::string>();  // "<folder>/vae"
  auto autoencoder = load_autoencoder(test::golden_dir() / model, {at::kFloat, at::kCPU});
  autoencoder->set_options({.tiling = golden.json["config"].at("tiling").get<bool>()});
  return autoencoder;
}

void expect_posterior(const GoldenCase& golden, const at::Tensor& moments) {
  const Posterior found = posterior(moments);
  EXPECT_TENSOR_NEAR(found.mean, golden["mean"], test::kVae);
  EXPECT_TENSOR_NEAR(found.logvar, golden["logvar"], test::kVae);
  EXPECT_TENSOR_NEAR(found.std, golden["std"], test::kVae);
}

void check_encode(const std::string& prefix) {
  for (const GoldenCase& golden : golden_cases("vae", prefix)) {
    SCOPED_TRACE(golden.name());
    const auto autoencoder = load(golden);
    const at::Tensor moments = autoencoder->encode_moments(golden["image"]);
    EXPECT_TENSOR_NEAR(moments, golden["moments"], test::kVae);
    if (golden.has("mean")) expect_posterior(golden, moments);
    if (!golden.has("noise")) continue;
    const Posterior found = posterior(moments);
    const at::Tensor sample = found.mean + found.std * golden["noise"];
    EXPECT_TENSOR_NEAR(sample, golden["sample"], test::kVae);
    const at::Tensor scaled = autoencoder->scale_latent(sample);
    EXPECT_TENSOR_NEAR(scaled, golden["scaled_latent"], test::kVae);
    EXPECT_TENSOR_NEAR(autoencoder->unscale_latent(scaled), golden["sample"], test::kVae);
  }
}

void check_decode(const std::string& prefix) {
  for (const GoldenCase& golden : golden_cases("vae", prefix)) {
    SCOPED_TRACE(golden.name());
    const at::Tensor decoded = load(golden)->decode(golden["latent"]);
    EXPECT_TENSOR_NEAR(decoded, golden["decoded"], test::kVae);
    const at::Tensor pixels =
        ((decoded / 2 + 0.5).clamp(0, 1).permute({0, 2, 3, 1}) * 255).round().to(at::kInt);
    const at::Tensor steps = (pixels - golden["decoded_u8"].to(at::kInt)).abs();
    EXPECT_LE(steps.max().item<int>(), 1);
    EXPECT_LT(steps.to(at::kFloat).mean().item<float>(), 0.01F);  // boundaries only
  }
}

TEST(AutoencoderGolden, Encode) {
  check_encode("encode_");
}
TEST(AutoencoderGolden, TiledEncode) {
  check_encode("tiled_encode_");
}
TEST(AutoencoderGolden, Decode) {
  check_decode("decode_");
}
TEST(AutoencoderGolden, TiledDecode) {
  check_decode("tiled_decode_");
}

TEST(AutoencoderGolden, PosteriorClampsBothEnds) {
  for (const GoldenCase& golden : golden_cases("vae", "posterior")) {
    SCOPED_TRACE(golden.name());
    expect_posterior(golden, golden["moments"]);
  }
}

}  // namespace
}  // namespace omnigen::model
