#include "cache/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cache/cache_workspace.h"
#include "cache/settings_check.h"
#include "model/weight_map.h"
#include "support/run_ranks.h"
#include "support/tensor_near.h"
#include "util/error.h"

namespace omnigen::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> paths_of(const data::ShardDataset& dataset) {
  std::vector<std::string> paths;
  for (int64_t i = 0; i < dataset.size(); ++i) paths.push_back(dataset.meta(i).path);
  return paths;
}

std::map<std::string, at::Tensor> latents_of(const data::ShardDataset& dataset) {
  std::map<std::string, at::Tensor> latents;
  for (int64_t i = 0; i < dataset.size(); ++i) latents[dataset.meta(i).path] = dataset.latent(i);
  return latents;
}

TEST(Build, MakesARecordOfEveryImage) {
  CacheWorkspace workspace;
  const cache::BuildReport report = workspace.build();
  EXPECT_EQ(report.num_encoded, 6);
  const data::ShardDataset dataset = workspace.open();
  EXPECT_THAT(paths_of(dataset),
              ElementsAre("a.jpg", "b.jpeg", "c.png", "sub/d.webp", "sub/e.jpg", "turned.jpg"));
  for (int64_t i = 0; i < dataset.size(); ++i) {
    const data::RecordMeta& meta = dataset.meta(i);
    EXPECT_THAT(dataset.latent(i).sizes(),
                ElementsAre(4, meta.target_height / 8, meta.target_width / 8));
    EXPECT_EQ(dataset.caption(i, 0), "caption of " + meta.path);
    EXPECT_EQ(dataset.token_ids(i, 0).front(), 1);
    EXPECT_EQ(dataset.token_ids(i, 0).back(), 32048);
  }
  EXPECT_EQ(dataset.fields(5).exif_orientation, 6);
  EXPECT_GT(dataset.fields(5).orig_h, dataset.fields(5).orig_w);
  EXPECT_FALSE(dataset.tokens().dropped_cfg.empty());
}

TEST(Build, TheMeanIsTheVaesOwn) {
  CacheWorkspace workspace;
  workspace.config.cache.vae_posterior = "mean";
  workspace.dataset.vae_batch_size = 1;
  workspace.build();
  const data::ShardDataset dataset = workspace.open();
  const auto vae =
      model::load_autoencoder(golden_dir() / "tiny-omnigen/vae", {at::kFloat, at::kCPU});
  const data::DecodedImage decoded = data::decode_image_file(workspace.images() / "c.png");
  const data::Image image =
      data::resize(decoded.image, {dataset.meta(2).target_width, dataset.meta(2).target_height},
                   data::ResampleFilter::kLanczosAa);
  const auto z = model::posterior(vae->encode_moments(data::normalise(image).unsqueeze(0)));
  EXPECT_TENSOR_EQ(dataset.latent(2), vae->scale_latent(z.mean)[0]);
}

TEST(Build, PosteriorSamplesAreKeyedByImageAndSeed) {
  CacheWorkspace workspace;
  workspace.dataset.vae_batch_size = 1;
  workspace.build();
  const auto first = latents_of(workspace.open());
  workspace.clear();
  fs::remove(workspace.images() / "a.jpg");
  workspace.build();
  for (const auto& [path, latent] : latents_of(workspace.open())) {
    EXPECT_TENSOR_EQ(latent, first.at(path));
  }
  workspace.clear();
  workspace.config.train.seed = 43;
  workspace.build();
  EXPECT_FALSE(tensor_equal(latents_of(workspace.open()).at("c.png"), first.at("c.png"), "c.png"));
}

TEST(Build, AnyNumberOfRanksMakesTheSameRecords) {
  CacheWorkspace single;
  single.dataset.vae_batch_size = 1;
  single.build();
  const auto expected = latents_of(single.open());
  for (const int ranks : {2, 3, 4}) {
    CacheWorkspace workspace;
    workspace.dataset.vae_batch_size = 1;
    run_ranks(ranks, [&](comm::ProcessGroup& group) { workspace.build(group); });
    const data::ShardDataset dataset = workspace.open();
    EXPECT_EQ(dataset.index().shards.size(), static_cast<size_t>(ranks));
    ASSERT_EQ(dataset.size(), 6);
    for (const auto& [path, latent] : latents_of(dataset)) {
      EXPECT_TENSOR_EQ(latent, expected.at(path));
    }
    EXPECT_FALSE(workspace.build().changed) << "built by " << ranks << " ranks, seen by one";
  }
}

TEST(Build, AFinishedCacheIsLeftAsItIs) {
  CacheWorkspace workspace;
  workspace.build();
  const auto before = workspace.files();
  const auto time = fs::last_write_time(data::CacheIndex::path(workspace.folder(), "pictures"));
  workspace.device = []() -> at::Device { throw util::Error("the VAE was loaded"); };
  const cache::BuildReport report = workspace.build();
  EXPECT_FALSE(report.changed);
  EXPECT_EQ(report.num_encoded, 0);
  EXPECT_EQ(report.num_records, 6);
  EXPECT_EQ(workspace.files(), before);
  EXPECT_EQ(fs::last_write_time(data::CacheIndex::path(workspace.folder(), "pictures")), time);
}

TEST(Build, OneUnreadableImageIsReportedAndDoesNotEndTheJob) {
  CacheWorkspace workspace;
  io::write_atomically(workspace.images() / "broken.png", "no picture at all");
  workspace.caption("broken.png", "x");
  const cache::BuildReport report = workspace.build();
  ASSERT_EQ(report.failed.size(), 1U);
  EXPECT_EQ(report.failed[0].path, "broken.png");
  EXPECT_EQ(report.failed[0].reason, cache::FailReason::kNotAnImage);
  EXPECT_EQ(workspace.open().size(), 6);
  EXPECT_EQ(workspace.open().index().failed.size(), 1U);
  const cache::BuildReport again = workspace.build();
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.failed.size(), 1U);
}

TEST(Build, AnImageThatFailsInItsBatchLeavesItsNeighboursTheirNames) {
  CacheWorkspace straight;
  straight.dataset.vae_batch_size = 1;
  straight.build();
  const auto expected = latents_of(straight.open());
  CacheWorkspace workspace;
  workspace.dataset.vae_batch_size = 4;
  workspace.add("b0.jpg", "jpeg_baseline.jpg");  // between two of its size; its header is whole
  const auto path = workspace.images() / "b0.jpg";
  io::write_atomically(path, io::read_file(path).substr(0, 2500));
  const cache::BuildReport report = workspace.build();
  ASSERT_EQ(report.failed.size(), 1U);
  EXPECT_EQ(report.failed[0].reason, cache::FailReason::kTruncated);
  const auto latents = latents_of(workspace.open());
  ASSERT_EQ(latents.size(), 6U);
  for (const auto& [name, latent] : latents) {
    EXPECT_TENSOR_NEAR(latent, expected.at(name), kVae) << name;
  }
  EXPECT_FALSE(workspace.build().changed) << "a known failure is not tried again";
}

TEST(Build, TooManyFailuresEndTheJobAndKeepWhatIsEncoded) {
  CacheWorkspace workspace;
  workspace.dataset.vae_batch_size = 1;
  for (const char* name : {"x.jpg", "y.jpg"}) {
    workspace.add(name, "jpeg_baseline.jpg");
    const auto path = workspace.images() / name;
    io::write_atomically(path, io::read_file(path).substr(0, 2500));
  }
  EXPECT_THAT(message_of<util::DataError>([&] { workspace.build(); }),
              HasSubstr("max_failed_fraction"));
  EXPECT_FALSE(fs::exists(data::CacheIndex::path(workspace.folder(), "pictures")));
  workspace.config.cache.max_failed_fraction = 0.5;
  EXPECT_EQ(workspace.build().num_records, 6);
}

TEST(Build, ATouchedFileIsNotEncodedAgain) {
  CacheWorkspace workspace;
  workspace.build();
  const auto before = latents_of(workspace.open());
  workspace.touch("c.png");
  workspace.device = []() -> at::Device { throw util::Error("the VAE was loaded"); };
  EXPECT_EQ(workspace.build().num_encoded, 0);
  EXPECT_FALSE(workspace.build().changed) << "the new time is remembered";
}

TEST(Build, AChangedFileIsEncodedAgainAlone) {
  CacheWorkspace workspace;
  workspace.dataset.vae_batch_size = 1;
  workspace.build();
  const auto before = latents_of(workspace.open());
  workspace.add("c.png", "jpeg_444.jpeg");  // another picture under the name
  const cache::BuildReport report = workspace.build();
  EXPECT_EQ(report.num_encoded, 1);
  const data::ShardDataset dataset = workspace.open();
  ASSERT_EQ(dataset.size(), 6);
  EXPECT_EQ(dataset.index().shards.size(), 2U);
  for (const auto& [path, latent] : latents_of(dataset)) {
    EXPECT_EQ(static_cast<bool>(tensor_equal(latent, before.at(path), path)), path != "c.png");
  }
}

TEST(Build, AChangedByteIsSeenWithoutTrustInTimes) {
  CacheWorkspace workspace;
  workspace.build();
  const auto path = workspace.images() / "turned.jpg";
  const auto time = fs::last_write_time(path);
  std::string bytes = io::read_file(path);
  bytes[bytes.size() - 30] = static_cast<char>(bytes[bytes.size() - 30] ^ 1);
  io::write_atomically(path, bytes);
  fs::last_write_time(path, time);
  EXPECT_EQ(workspace.build().num_encoded, 0);
  workspace.config.cache.trust_mtime = false;
  EXPECT_EQ(workspace.build().num_encoded, 1);
}

TEST(Build, NewFilesBecomeNewShards) {
  CacheWorkspace workspace;
  workspace.build();
  const auto old = workspace.files().at("pictures-r0-0000.h5");
  workspace.add("new.jpg", "jpeg_422_restart.jpg");
  EXPECT_EQ(workspace.build().num_encoded, 1);
  EXPECT_EQ(workspace.files().at("pictures-r0-0000.h5"), old);
  EXPECT_TRUE(workspace.files().contains("pictures-r0-0001.h5"));
  EXPECT_EQ(workspace.open().size(), 7);
}

TEST(Build, VanishedFilesDoNotCount) {
  CacheWorkspace workspace;
  workspace.build();
  fs::remove(workspace.images() / "a.jpg");
  EXPECT_EQ(workspace.build().num_records, 5);
  EXPECT_THAT(paths_of(workspace.open()), Not(::testing::Contains("a.jpg")));
  workspace.add("a.jpg", "jpeg_baseline.jpg");
  EXPECT_EQ(workspace.build().num_encoded, 0) << "its record is still there";
  EXPECT_EQ(workspace.open().size(), 6);
}

TEST(Build, VanishedFilesCountIfTheUserWantsThem) {
  CacheWorkspace workspace;
  workspace.config.data.ignore_missing_files = true;
  workspace.config.data.missing_captions = "filename";
  workspace.build();
  fs::remove(workspace.images() / "a.jpg");
  EXPECT_EQ(workspace.build().num_records, 6);
}

TEST(Build, ChangedCaptionsLeaveLatentsAlone) {
  CacheWorkspace workspace;
  workspace.build();
  const auto before = workspace.files();
  workspace.caption("c.png", "something else\nin two lines");
  workspace.device = []() -> at::Device { throw util::Error("the VAE was loaded"); };
  EXPECT_TRUE(workspace.build().changed);
  const data::ShardDataset dataset = workspace.open();
  EXPECT_EQ(dataset.meta(2).num_captions, 2);
  EXPECT_EQ(dataset.caption(2, 1), "in two lines");
  const auto after = workspace.files();
  EXPECT_EQ(after.at("pictures-r0-0000.h5"), before.at("pictures-r0-0000.h5"));
  EXPECT_EQ(after.size(), before.size()) << "the old token table is gone";
}

TEST(Build, AForeignCacheIsRefusedMemberByMember) {
  CacheWorkspace workspace;
  workspace.build();
  workspace.dataset.resolution = 0.016384;
  EXPECT_THAT(message_of<util::DataError>([&] { workspace.build(); }),
              AllOf(HasSubstr("resolution: cached 0.004096, now 0.016384"),
                    HasSubstr("--override_dataset_config"), Not(HasSubstr("weights"))));
  workspace.config.cache.override_dataset_config = true;
  EXPECT_EQ(workspace.build().num_encoded, 6);
  EXPECT_EQ(workspace.open().index().shards.size(), 1U);
}

TEST(SettingsCheck, NamesEveryMemberThatDiffers) {
  CacheWorkspace workspace;
  workspace.build();
  const data::CacheIndex index = workspace.open().index();
  const auto check = [&](const config::Config& config, const config::DatasetConfig& dataset) {
    return message_of<util::DataError>([&] {
      cache::require_current_settings(config, dataset, {dataset}, index, "omnigen-cache build x");
    });
  };
  EXPECT_EQ(check(workspace.config, workspace.dataset), "no error");
  config::DatasetConfig dataset = workspace.dataset;
  dataset.crop = true;
  config::Config config = workspace.config;
  config.cache.vae_posterior = "mean";
  EXPECT_THAT(check(config, dataset),
              AllOf(HasSubstr("crop: cached false, now true"), HasSubstr("posterior: cached")));
  dataset = workspace.dataset;
  dataset.caption_strategy = "filename";
  EXPECT_THAT(check(workspace.config, dataset),
              AllOf(HasSubstr("caption_strategy"), HasSubstr("omnigen-cache build x")));
}

TEST(Build, AnotherVaeIsRefused) {
  CacheWorkspace workspace;
  workspace.build();
  TempDir other;
  fs::copy(golden_dir() / "tiny-omnigen", other / "model", fs::copy_options::recursive);
  const fs::path weights = other / "model" / "vae" / "diffusion_pytorch_model.safetensors";
  std::string bytes = io::read_file(weights);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  io::write_atomically(weights, bytes);
  workspace.config.model.pretrained_model_name_or_path = (other / "model").string();
  EXPECT_THAT(message_of<util::DataError>([&] { workspace.build(); }),
              AllOf(HasSubstr("weights: cached"), Not(HasSubstr("resolution"))));
}

TEST(Build, TheSameVaeInOtherFilesIsAccepted) {
  CacheWorkspace workspace;
  workspace.build();
  TempDir other;
  fs::copy(golden_dir() / "tiny-omnigen", other / "model", fs::copy_options::recursive);
  workspace.config.model.pretrained_model_name_or_path = (other / "model").string();
  EXPECT_EQ(workspace.build().num_encoded, 0);
}

TEST(Build, MissingCaptionsAreListedBeforeAnythingIsEncoded) {
  CacheWorkspace workspace;
  workspace.device = []() -> at::Device { throw util::Error("the VAE was loaded"); };
  fs::remove(workspace.images() / "a.txt");
  EXPECT_THAT(message_of<util::DataError>([&] { workspace.build(); }), HasSubstr("a.jpg"));
}

TEST(Build, ImagesWithoutCaptionCanBeSkipped) {
  CacheWorkspace workspace;
  workspace.config.data.missing_captions = "skip";
  fs::remove(workspace.images() / "a.txt");
  const cache::BuildReport report = workspace.build();
  EXPECT_EQ(report.num_encoded, 5);
  EXPECT_EQ(report.counters.at("no_caption"), 1);
}

TEST(Build, SmallImagesAreCountedAndLeftOut) {
  CacheWorkspace workspace;
  workspace.dataset.minimum_image_size = 0.015;  // 15 000 pixels
  const cache::BuildReport report = workspace.build();
  EXPECT_EQ(report.counters.at("listed"), 6);
  EXPECT_EQ(report.counters.at("too_small"), 2);  // turned.jpg, c.png
  EXPECT_EQ(report.num_records, 4);
  workspace.dataset.minimum_image_size = 0;
  EXPECT_EQ(workspace.build().num_encoded, 2) << "limits of membership make nothing stale";
}

TEST(Build, NoUsableImageIsAnError) {
  CacheWorkspace workspace;
  workspace.dataset.minimum_image_size = 4;
  EXPECT_THAT(message_of<util::DataError>([&] { workspace.build(); }),
              AllOf(HasSubstr("too_small: 6"), HasSubstr("4 megapixels")));
}

TEST(Build, APlanWritesNothing) {
  CacheWorkspace workspace;
  const cache::BuildReport report = workspace.plan();
  EXPECT_EQ(report.num_planned, 6);
  EXPECT_GT(report.planned_bytes, 0U);
  int64_t count = 0;
  for (const data::IndexedBucket& bucket : report.buckets) count += bucket.count;
  EXPECT_EQ(count, 6);
  EXPECT_FALSE(fs::exists(workspace.folder()));
}

TEST(Build, ATrustedCacheIsNotComparedWithItsSources) {
  CacheWorkspace workspace;
  workspace.build();
  workspace.dataset.preserve_data_backend_cache = true;
  workspace.add("new.jpg", "jpeg_422_restart.jpg");
  EXPECT_EQ(workspace.build().num_records, 6);
  workspace.dataset.preserve_data_backend_cache = false;
  EXPECT_EQ(workspace.build().num_records, 7);
}

TEST(Build, ADamagedRecordIsEncodedAgainWhenErrorsAreLookedFor) {
  CacheWorkspace workspace;
  workspace.dataset.vae_batch_size = 1;
  workspace.build();
  const auto before = latents_of(workspace.open());
  const fs::path shard = workspace.folder() / "pictures-r0-0000.h5";
  const uint64_t offset = workspace.open().shards()[0].groups()[0].offsets.latent;
  std::string bytes = io::read_file(shard);
  bytes[offset] = static_cast<char>(bytes[offset] ^ 1);
  io::write_atomically(shard, bytes);
  workspace.dataset.scan_for_errors = true;
  EXPECT_EQ(workspace.build().num_encoded, 1);
  for (const auto& [path, latent] : latents_of(workspace.open())) {
    EXPECT_TENSOR_EQ(latent, before.at(path));
  }
}

TEST(Build, AMissingShardIsMadeAgain) {
  CacheWorkspace workspace;
  workspace.build();
  const auto before = workspace.files();
  fs::remove(workspace.folder() / "pictures-r0-0000.h5");
  EXPECT_EQ(workspace.build().num_encoded, 6);
  EXPECT_EQ(workspace.files(), before);
}

}  // namespace
}  // namespace omnigen::test
