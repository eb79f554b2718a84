#include "cache/on_demand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cache/cache_workspace.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OnDemand : public ::testing::Test {
 protected:
  OnDemand() { workspace_.dataset.vae_cache_ondemand = true; }

  std::unique_ptr<cache::OnDemandDataset> open() {
    const std::vector<config::DatasetConfig> datasets = {workspace_.dataset};
    comm::SingleGroup group;
    const cache::BuildContext context = {.config = workspace_.config,
                                         .datasets = datasets,
                                         .group = group,
                                         .device = workspace_.device,
                                         .cores_per_rank = 1};
    return std::make_unique<cache::OnDemandDataset>(context, workspace_.dataset);
  }
  [[nodiscard]] int64_t num_kept() const {
    int64_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(workspace_.folder())) {
      count += entry.path().extension() == ".safetensors" ? 1 : 0;
    }
    return count;
  }

  CacheWorkspace workspace_;
};

TEST_F(OnDemand, GivesWhatACacheWouldHold) {
  workspace_.dataset.vae_batch_size = 1;
  workspace_.build();
  const data::ShardDataset cached = workspace_.open();
  workspace_.clear();
  const auto dataset = open();
  ASSERT_EQ(dataset->size(), cached.size());
  for (int64_t i = 0; i < cached.size(); ++i) {
    SCOPED_TRACE(cached.meta(i).path);
    EXPECT_EQ(dataset->meta(i).path, cached.meta(i).path);
    EXPECT_EQ(dataset->meta(i).target_width, cached.meta(i).target_width);
    EXPECT_EQ(dataset->meta(i).crop.resized, cached.meta(i).crop.resized);
    EXPECT_EQ(dataset->caption(i, 0), cached.caption(i, 0));
    EXPECT_EQ(dataset->token_ids(i, 0), cached.token_ids(i, 0));
    EXPECT_TENSOR_EQ(dataset->latent(i), cached.latent(i));
  }
}

TEST_F(OnDemand, EncodesWhatIsDrawnAndKeepsIt) {
  const auto first = open();
  EXPECT_EQ(num_kept(), 0);
  EXPECT_FALSE(first->has_latent(2));
  const at::Tensor drawn = first->draw(2, 0).latent_CHW;
  EXPECT_TRUE(first->has_latent(2));
  EXPECT_EQ(num_kept(), 1);
  first->draw(2, 1);
  EXPECT_EQ(first->num_encoded(), 1);
  const auto second = open();  // another rank, or another start
  EXPECT_TENSOR_EQ(second->draw(2, 0).latent_CHW, drawn);
  EXPECT_EQ(second->num_encoded(), 0);
}

TEST_F(OnDemand, WithoutACacheNothingIsKept) {
  workspace_.dataset.vae_cache_disable = true;
  const auto dataset = open();
  dataset->draw(0, 0);
  dataset->draw(0, 0);
  EXPECT_EQ(dataset->num_encoded(), 2);
  EXPECT_FALSE(fs::exists(workspace_.folder()));
}

TEST_F(OnDemand, AChangedImageIsEncodedAgain) {
  open()->draw(0, 0);
  workspace_.add("a.jpg", "jpeg_progressive.jpg");
  const auto dataset = open();
  dataset->draw(0, 0);
  EXPECT_EQ(dataset->num_encoded(), 1);
}

TEST_F(OnDemand, ADamagedLatentIsEncodedAgain) {
  const at::Tensor before = open()->draw(1, 0).latent_CHW;
  for (const auto& entry : fs::recursive_directory_iterator(workspace_.folder())) {
    if (entry.path().extension() == ".safetensors") fs::resize_file(entry.path(), 20);
  }
  const auto dataset = open();
  EXPECT_TENSOR_EQ(dataset->draw(1, 0).latent_CHW, before);
  EXPECT_EQ(dataset->num_encoded(), 1);
}

TEST_F(OnDemand, TheNextImageTakesThePlaceOfOneThatCannotBeUsed) {
  const std::string bytes = io::read_file(workspace_.images() / "b.jpeg");
  io::write_atomically(workspace_.images() / "b.jpeg", bytes.substr(0, bytes.size() / 3));
  const auto dataset = open();
  ASSERT_EQ(dataset->meta(1).path, "b.jpeg");  // its header is intact
  const data::DrawnRecord drawn = dataset->draw(1, 0);
  EXPECT_EQ(drawn.record, 2);
  EXPECT_TENSOR_EQ(drawn.latent_CHW, dataset->latent(2));
  EXPECT_THAT(message_of<util::DataError>([&] { dataset->latent(1); }), HasSubstr("b.jpeg"));
}

TEST_F(OnDemand, ClearedEachEpochImagesAreCutAnew) {
  workspace_.dataset.vae_cache_clear_each_epoch = true;
  workspace_.dataset.crop = true;
  workspace_.dataset.crop_style = "random";
  const auto dataset = open();
  std::vector<std::pair<int64_t, int64_t>> cuts;
  for (uint64_t epoch = 0; epoch < 4; ++epoch) {
    const data::DrawnRecord drawn = dataset->draw(0, epoch);
    EXPECT_EQ(drawn.latent_CHW.size(2), dataset->meta(0).target_width / 8);
    cuts.emplace_back(drawn.crop.left, drawn.crop.top);
  }
  EXPECT_EQ(dataset->num_encoded(), 4);
  EXPECT_EQ(num_kept(), 2);  // this epoch's and the one before
  EXPECT_GT(std::set(cuts.begin(), cuts.end()).size(), 1U);
  // The same in a run that starts again.
  EXPECT_EQ(open()->draw(0, 3).crop.left, cuts[3].first);
}

}  // namespace
}  // namespace omnigen::test
