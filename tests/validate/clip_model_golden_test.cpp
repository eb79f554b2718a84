#include <gtest/gtest.h>

#include "support/golden.h"
#include "support/tensor_near.h"
#include "tokenizer/clip_tokenizer.h"
#include "validate/clip_image.h"
#include "validate/clip_model.h"
#include "validate/clip_score.h"

namespace omnigen::validate {
namespace {

std::filesystem::path folder_of(const test::GoldenCase& golden) {
  return test::golden_dir() / golden.json.at("config").at("model").get<std::string>();
}

std::vector<int64_t> ids_of(const at::Tensor& tensor) {
  const at::Tensor ids = tensor.contiguous();
  return {ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel()};
}

data::Image image_of(const at::Tensor& pixels_HWC) {
  const at::Tensor pixels = pixels_HWC.contiguous();
  const auto* first = pixels.data_ptr<uint8_t>();
  return {pixels.size(1), pixels.size(0), {first, first + pixels.numel()}};
}

TEST(ClipModelGolden, TextTowerAgrees) {
  for (const auto& golden : test::golden_cases("clip")) {
    SCOPED_TRACE(golden.name());
    const ClipModel model(folder_of(golden));
    const tokenizer::ClipTokenizer tokenizer(folder_of(golden));
    for (const std::string& name : golden.names_below("input_ids.")) {
      SCOPED_TRACE(name);
      const auto ids = ids_of(golden["input_ids." + name]);
      EXPECT_TENSOR_NEAR(model.text_hidden(ids), golden["text_hidden." + name].squeeze(0),
                         test::kTransformerOutput);
      EXPECT_TENSOR_NEAR(model.text_embedding(ids, tokenizer.end_id()),
                         golden["text_embeds." + name].squeeze(0), test::kTransformerOutput);
    }
  }
}

TEST(ClipModelGolden, ImageTowerAgrees) {
  for (const auto& golden : test::golden_cases("clip")) {
    SCOPED_TRACE(golden.name());
    const ClipModel model(folder_of(golden));
    for (const std::string& name : golden.names_below("pixel_values.")) {
      SCOPED_TRACE(name);
      const at::Tensor pixels = golden["pixel_values." + name].squeeze(0);
      EXPECT_TENSOR_NEAR(model.image_hidden(pixels), golden["vision_hidden." + name].squeeze(0),
                         test::kTransformerOutput);
      EXPECT_TENSOR_NEAR(model.image_embedding(pixels), golden["image_embeds." + name].squeeze(0),
                         test::kTransformerOutput);
    }
  }
}

TEST(ClipImageGolden, PixelsAgree) {
  for (const auto& golden : test::golden_cases("clip")) {
    SCOPED_TRACE(golden.name());
    const auto config = ClipImageConfig::from_file(folder_of(golden) / "preprocessor_config.json");
    for (const std::string& name : golden.names_below("picture.")) {
      SCOPED_TRACE(name);
      const data::Image expected = image_of(golden["resized." + name]);
      const data::Image resized = clip_resize(image_of(golden["picture." + name]), config);
      ASSERT_EQ(resized.width, expected.width);
      ASSERT_EQ(resized.height, expected.height);
      for (size_t i = 0; i < expected.pixels.size(); ++i) {
        ASSERT_NEAR(resized.pixels[i], expected.pixels[i], test::kResampled.largest) << i;
      }
      EXPECT_TENSOR_NEAR(clip_pixels(expected, config), golden["pixel_values." + name].squeeze(0),
                         test::kNormalisedPixels);
    }
  }
}

// From picture and text alone: a pixel may differ by 1, as above.
TEST(ClipScoreGolden, ScoresAgree) {
  for (const auto& golden : test::golden_cases("clip")) {
    SCOPED_TRACE(golden.name());
    const auto& config = golden.json.at("config");
    ClipScorer scorer(folder_of(golden));
    const auto& pairs = config.at("pairs");
    for (size_t i = 0; i < pairs.size(); ++i) {
      SCOPED_TRACE(i);
      const std::string prefix = "pair." + std::to_string(i) + ".";
      const data::Image picture = image_of(golden["picture." + pairs[i][0].get<std::string>()]);
      const auto prompt = config.at("prompts")[pairs[i][1].get<size_t>()].get<std::string>();
      EXPECT_NEAR(scorer.score(picture, prompt), golden[prefix + "score"].item<double>(),
                  test::kClipScore);
      EXPECT_NEAR(100 * scorer.cosine(picture, prompt),
                  100 * golden[prefix + "cosine"].item<double>(), test::kClipScore);
    }
  }
}

}  // namespace
}  // namespace omnigen::validate
