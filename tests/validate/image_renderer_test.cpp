#include "validate/image_renderer.h"

#include <gtest/gtest.h>

#include "data/image_decode.h"
#include "data/image_encode.h"
#include "validate/tiny_models.h"

namespace omnigen::validate {
namespace {

class ImageRendererTest : public ::testing::Test {
 protected:
  ImageRendererTest() {
    options_.prompts = {{"cat", "A cat", {1, 5, 9}, std::nullopt}};
    options_.negative = {"", "blurry", {1, 7, 7, 3}, std::nullopt};
    options_.resolutions = {{96, 96}};  // beyond a tile of the tiny autoencoder
    options_.sampler.num_steps = 2;
  }

  std::string render() {
    ImageRenderer renderer(options_, {*transformer_, *autoencoder_, nullptr}, WeightsKind::kLive,
                           5);
    return renderer.render(plan_items(options_)[0],
                           [&](const std::string& text) { reports_.push_back(text); });
  }
  std::vector<uint8_t> pixels(const std::string& png) {
    return data::decode_image(png, "test").image.pixels;
  }
  // The next `count` forwards of the transformer find no memory.
  void run_out_of_memory(int count) {
    transformer_->set_stage_observer([count](const std::string& name, const at::Tensor&) mutable {
      if (name == "sequence" && count-- > 0) {
        throw c10::OutOfMemoryError({__func__, __FILE__, __LINE__}, "CUDA out of memory");
      }
    });
  }

  ValidateOptions options_;
  std::unique_ptr<model::OmniGenTransformer> transformer_ = test::tiny_transformer();
  std::unique_ptr<model::Autoencoder> autoencoder_ = test::tiny_autoencoder();
  std::vector<std::string> reports_;
};

TEST_F(ImageRendererTest, PictureHasItsSizeAndDescription) {
  options_.resolutions = {{96, 64}};
  const std::string png = render();
  const data::Image image = data::decode_image(png, "test").image;
  EXPECT_EQ(image.width, 96);
  EXPECT_EQ(image.height, 64);
  EXPECT_EQ(data::read_png_text(png),
            image_description(options_, plan_items(options_)[0], WeightsKind::kLive, 5));
}

TEST_F(ImageRendererTest, EveryStepIsReported) {
  render();
  EXPECT_EQ(reports_, (std::vector<std::string>{"cat 96x96 step 1/2", "cat 96x96 step 2/2"}));
}

TEST_F(ImageRendererTest, LackOfMemoryIsMetByTilingOnce) {
  const auto plain = pixels(render());
  options_.autoencoder.tiling = true;
  autoencoder_->set_options(options_.autoencoder);
  const auto tiled = pixels(render());
  ASSERT_NE(plain, tiled);
  options_.autoencoder.tiling = false;
  autoencoder_->set_options(options_.autoencoder);
  run_out_of_memory(1);
  EXPECT_EQ(pixels(render()), tiled);
  EXPECT_EQ(pixels(render()), plain);  // tiling is off again
}

TEST_F(ImageRendererTest, LackOfMemoryTwiceIsAnError) {
  const auto plain = pixels(render());
  run_out_of_memory(2);
  EXPECT_THROW(render(), c10::OutOfMemoryError);
  EXPECT_EQ(pixels(render()), plain);
}

TEST_F(ImageRendererTest, NothingIsRetriedWhereTilingIsOn) {
  options_.autoencoder.tiling = true;
  run_out_of_memory(1);
  EXPECT_THROW(render(), c10::OutOfMemoryError);
}

}  // namespace
}  // namespace omnigen::validate
