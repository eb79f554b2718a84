#include "train/sample_loader.h"

#include <gtest/gtest.h>

#include "data/image_encode.h"
#include "io/atomic_file.h"
#include "support/memory_dataset.h"
#include "support/temp_dir.h"
#include "support/tensor_near.h"

namespace omnigen::train {
namespace {

std::shared_ptr<test::MemoryDataset> make_set(const std::string& id) {
  auto set = std::make_shared<test::MemoryDataset>(id);
  set->add("a.png", 32, 32, at::ones({4, 4, 4}), {1, 2, 3});
  set->add("b.png", 32, 48, at::full({4, 6, 4}, 2.0F), {1, 7});
  return set;
}

SampleLoader make_loader(double dropout = 0.0, uint64_t seed = 42) {
  return SampleLoader({{{make_set("subject"), 0}, false}, {{make_set("prior"), 0}, true}},
                      {seed, dropout, {99}});
}

TEST(SampleLoader, OneDrawIsAlwaysTheSameSample) {
  const TrainSample first = make_loader().load({0, 1, 5});
  const TrainSample again = make_loader().load({0, 1, 5});
  EXPECT_TENSOR_EQ(first.input.latent_CHW, again.input.latent_CHW);
  EXPECT_TENSOR_EQ(first.target_CHW, again.target_CHW);
  EXPECT_EQ(first.input.timestep, again.input.timestep);
}

TEST(SampleLoader, DrawsDifferByRecordDrawSetAndSeed) {
  const at::Tensor base = make_loader().load({0, 0, 0}).target_CHW;
  EXPECT_FALSE(at::equal(base, make_loader().load({0, 0, 1}).target_CHW));
  EXPECT_FALSE(at::equal(base, make_loader().load({1, 0, 0}).target_CHW));
  EXPECT_FALSE(at::equal(base, make_loader(0.0, 43).load({0, 0, 0}).target_CHW));
}

TEST(SampleLoader, InputAndTargetAreOneInterpolation) {
  const TrainSample sample = make_loader().load({0, 1, 0});
  // x_t + (1 - t) * (x1 - x0) = x1
  const at::Tensor x1 = sample.input.latent_CHW + sample.target_CHW * (1.0 - sample.input.timestep);
  EXPECT_TENSOR_NEAR(x1, at::full({4, 6, 4}, 2.0F), test::kExactArithmetic);
}

TEST(SampleLoader, MarksRegularisationSamples) {
  EXPECT_FALSE(make_loader().load({0, 0, 0}).regularisation);
  EXPECT_TRUE(make_loader().load({1, 0, 0}).regularisation);
}

TEST(SampleLoader, DropsCaptionsAtTheGivenRate) {
  const SampleLoader loader = make_loader(0.5);
  constexpr int kDraws = 1000;
  int dropped = 0;
  for (uint64_t draw = 0; draw < kDraws; ++draw) {
    dropped += loader.load({0, 0, draw}).input.input_ids == std::vector<int64_t>{99} ? 1 : 0;
  }
  EXPECT_NEAR(dropped, 500, 60);
  EXPECT_EQ(make_loader(1.0).load({0, 0, 3}).input.input_ids, std::vector<int64_t>{99});
  EXPECT_EQ(make_loader(0.0).load({0, 0, 3}).input.input_ids, (std::vector<int64_t>{1, 2, 3}));
}

// A mask whose left half is white, over latents of 4x4.
class MaskedLoader : public ::testing::Test {
 protected:
  MaskedLoader() {
    data::Image mask{32, 32, std::vector<uint8_t>(32 * 32 * 3, 0)};
    for (size_t i = 0; i < mask.pixels.size(); ++i) mask.pixels[i] = i / 3 % 32 < 16 ? 255 : 0;
    io::write_atomically(dir_.path() / "a.png", data::encode_png(mask));
    images_->add("a.png", 32, 32, at::ones({4, 4, 4}), {1}, {{32, 32}, {32, 32}, 0, 0});
  }
  [[nodiscard]] SampleLoader loader(LoaderOptions options) const {
    const auto masks = std::make_shared<data::MaskSet>(
        data::MaskSettings{"masks", dir_.path(), data::MaskKind::kSoft, {}}, images_);
    return SampleLoader({{{images_, 0}, false, masks}}, std::move(options));
  }

  std::shared_ptr<test::MemoryDataset> images_ = std::make_shared<test::MemoryDataset>("subject");
  test::TempDir dir_;
};

TEST_F(MaskedLoader, WeighsTheLossByTheMask) {
  const at::Tensor weights = loader({}).load({0, 0, 0}).weights_HW;
  EXPECT_TENSOR_EQ(weights, at::tensor({1.0F, 1.0F, 0.0F, 0.0F}).expand({4, 4}));
  EXPECT_FALSE(make_loader().load({0, 0, 0}).weights_HW.defined());
}

TEST_F(MaskedLoader, FloorAndNormalisationActOnTheWeights) {
  LoaderOptions options;
  options.unmasked_weight = 0.25;
  EXPECT_EQ(loader(options).load({0, 0, 0}).weights_HW.min().item<float>(), 0.25F);
  options.unmasked_weight = 0.0;
  options.masked_loss_normalise = true;
  EXPECT_TENSOR_EQ(loader(options).load({0, 0, 0}).weights_HW,
                   at::tensor({2.0F, 2.0F, 0.0F, 0.0F}).expand({4, 4}));
}

TEST_F(MaskedLoader, MasksTheGivenShareOfTheDraws) {
  LoaderOptions options;
  options.masked_loss_probability = 0.25;
  const SampleLoader some = loader(options);
  int masked = 0;
  for (uint64_t draw = 0; draw < 400; ++draw) {
    masked += some.load({0, 0, draw}).weights_HW.defined() ? 1 : 0;
  }
  EXPECT_NEAR(masked, 100, 35);
}

}  // namespace
}  // namespace omnigen::train
