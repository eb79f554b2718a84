#include "validate/latent_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/tensor_near.h"
#include "util/error.h"
#include "validate/flow_sampler.h"
#include "validate/tiny_models.h"

namespace omnigen::validate {
namespace {

TEST(ToUint8, ScalesClampsAndRounds) {
  // 1/255 of the range is 2/255: half of that rounds to even.
  const at::Tensor values = at::tensor({-3.0F, -1.0F, 0.0F, 1.0F, 7.0F, 0.2F}).view({1, 1, 6});
  const at::Tensor pixels = to_uint8(values.expand({3, 1, 6}));
  EXPECT_EQ(pixels.sizes(), (at::IntArrayRef{1, 6, 3}));
  const std::vector<int> expected = {0, 0, 128, 255, 255, 153};
  for (int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(pixels[0][i][1].item<int>(), expected[static_cast<size_t>(i)]) << i;
  }
}

TEST(ToUint8, ValuesThatAreNotFiniteAreAnError) {
  EXPECT_THROW(to_uint8(at::full({3, 2, 2}, std::nan(""))), util::Error);
  EXPECT_THROW(to_uint8(at::full({3, 2, 2}, INFINITY)), util::Error);
}

TEST(DecodeLatent, PictureHasEightPixelsPerLatent) {
  const auto autoencoder = test::tiny_autoencoder();
  const at::Tensor latent = initial_noise(1, 0, {4, 4, 6});
  const data::Image image = decode_latent(*autoencoder, latent);
  EXPECT_EQ(image.width, 48);
  EXPECT_EQ(image.height, 32);
  const at::NoGradGuard no_grad;
  const at::Tensor decoded = autoencoder->decode(autoencoder->unscale_latent(latent.unsqueeze(0)));
  const at::Tensor pixels = to_uint8(decoded[0]);
  EXPECT_EQ(test::pixel(image, 40, 3, 2), pixels[3][40][2].item<int>());
}

}  // namespace
}  // namespace omnigen::validate
