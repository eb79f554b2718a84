#include "data/loss_mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/image_encode.h"
#include "io/atomic_file.h"
#include "support/memory_dataset.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Grey levels by column, from 0 to 255.
Image ramp(int64_t width, int64_t height) {
  Image image{width, height, {}};
  for (int64_t i = 0; i < width * height; ++i) {
    const auto level = static_cast<uint8_t>(255 * (i % width) / (width - 1));
    image.pixels.insert(image.pixels.end(), 3, level);
  }
  return image;
}

// A data set of images of 64x32, and a folder for its masks.
class Masks : public ::testing::Test {
 protected:
  void add(const std::string& path) {
    dataset_->add(path, 64, 32, {}, {1}, {{64, 32}, {64, 32}, 0, 0});
  }
  void write(const std::string& path, const Image& mask) const {
    std::filesystem::create_directories((dir_.path() / path).parent_path());
    io::write_atomically(dir_.path() / path, encode_png(mask));
  }
  [[nodiscard]] MaskSet open() const {
    return {{"masks", dir_.path(), MaskKind::kSoft, {}, ResampleFilter::kLanczosAa}, dataset_};
  }
  [[nodiscard]] std::string error() const {
    try {
      static_cast<void>(open());
    } catch (const util::DataError& error) {
      return error.what();
    }
    return "no error";
  }

  std::shared_ptr<test::MemoryDataset> dataset_ = std::make_shared<test::MemoryDataset>("pictures");
  test::TempDir dir_;
};

TEST(MaskWeights, AreTheMeanOverTheLatentsPixels) {
  Image image{16, 8, std::vector<uint8_t>(16 * 8 * 3, 0)};
  for (int64_t row = 0; row < 2; ++row) {  // a quarter of the left latent is white
    for (int64_t column = 0; column < 8; ++column) {
      for (int64_t c = 0; c < 3; ++c)
        image.pixels[static_cast<size_t>((row * 16 + column) * 3 + c)] = 255;
    }
  }
  EXPECT_TENSOR_NEAR(mask_weights(image, MaskKind::kSoft, 1, 2),
                     at::tensor({0.25F, 0.0F}).view({1, 2}), test::kExactArithmetic);
  EXPECT_TENSOR_EQ(mask_weights(image, MaskKind::kSegmentation, 1, 2),
                   at::tensor({1.0F, 0.0F}).view({1, 2}));
}

TEST_F(Masks, AreFoundByPathByNameAndByStem) {
  for (const char* path : {"a.jpg", "b/c.jpg", "d.jpg"}) add(path);
  write("b/c.png", ramp(64, 32));  // another suffix
  write("d.jpg", ramp(64, 32));    // the content tells that it is a PNG
  write("a.jpg", ramp(64, 32));
  EXPECT_EQ(open().size(), 3);
  std::filesystem::rename(dir_.path() / "b/c.png", dir_.path() / "c.jpg");
  EXPECT_EQ(open().size(), 3);  // the base name, in the folder itself
}

TEST_F(Masks, AllThatAreMissingAreCounted_M45) {
  for (const char* path : {"a.jpg", "b.jpg", "c.jpg"}) add(path);
  write("b.jpg", ramp(64, 32));
  EXPECT_THAT(error(), AllOf(HasSubstr("no mask for a.jpg (and 1 more)"), HasSubstr("pictures")));
}

TEST_F(Masks, TwoOfOneNameAreAmbiguous) {
  add("a.jpg");
  write("a.png", ramp(64, 32));
  write("a.webp", ramp(64, 32));
  EXPECT_THAT(error(), HasSubstr("several masks for a.jpg: a.png or a.webp"));
}

TEST_F(Masks, AnotherShapeIsRefused) {
  add("a.jpg");
  write("a.jpg", ramp(64, 64));
  EXPECT_THAT(error(), HasSubstr("a.jpg is 64x64, a.jpg is 64x32"));
}

TEST_F(Masks, AreCutLikeTheImage) {
  // Of 64x32 the right half.
  dataset_->add("a.jpg", 32, 32, {}, {1}, {{64, 32}, {64, 32}, 32, 0});
  write("a.jpg", ramp(64, 32));
  const at::Tensor whole = mask_weights(ramp(64, 32), MaskKind::kSoft, 4, 8);
  const at::Tensor weights = open().weights(0, dataset_->meta(0).crop, 4, 4);
  EXPECT_TENSOR_EQ(weights, whole.narrow(1, 4, 4));
}

TEST_F(Masks, OfAnotherScaleCoverTheSameParts) {
  add("a.jpg");
  write("a.jpg", ramp(128, 64));
  const at::Tensor weights = open().weights(0, dataset_->meta(0).crop, 4, 8);
  const at::Tensor expected = mask_weights(ramp(64, 32), MaskKind::kSoft, 4, 8);
  EXPECT_LT((weights - expected).abs().max().item<float>(), 0.02);
}

TEST_F(Masks, AChangedMaskChangesTheFingerprint) {
  add("a.jpg");
  write("a.jpg", ramp(64, 32));
  const std::string before = open().fingerprint();
  EXPECT_EQ(open().fingerprint(), before);
  Image other = ramp(64, 32);
  other.pixels[40] = 9;
  write("a.jpg", other);
  EXPECT_NE(open().fingerprint(), before);
}

}  // namespace
}  // namespace omnigen::data
