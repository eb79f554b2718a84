// A data set whose latents are encoded when they are first drawn, and kept from then on
// (vae_cache_ondemand).
//
//   <cache_dir_vae>/<id>.on-demand/<settings>/<epoch>/<image>.safetensors
//
// Any rank reads what another one has written. The epoch is 0 unless the images are cut anew in
// every epoch (vae_cache_clear_each_epoch): then what is two epochs old is removed.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "cache/build.h"
#include "cache/encode_plan.h"
#include "cache/latent_encoder.h"
#include "data/dataset.h"
#include "data/source_settings.h"
#include "io/token_table.h"

namespace omnigen::cache {

class OnDemandDataset : public data::Dataset {
 public:
  // Looks at the sources and their captions, and encodes nothing. `context` need not outlive it.
  // Errors: those of build_cache(). Collective.
  OnDemandDataset(const BuildContext& context, const config::DatasetConfig& dataset);

  [[nodiscard]] const std::string& id() const override { return id_; }
  [[nodiscard]] int64_t size() const override { return std::ssize(images_); }
  [[nodiscard]] const data::RecordMeta& meta(int64_t record) const override {
    return at(record).meta;
  }
  // Of the first epoch. Errors: DataError when the image cannot be used.
  [[nodiscard]] at::Tensor latent(int64_t record) const override;
  [[nodiscard]] bool has_latent(int64_t record) const override;
  // In place of an image that cannot be used (with one warning) the next one that can.
  // Errors: DataError when none can.
  [[nodiscard]] data::DrawnRecord draw(int64_t record, uint64_t epoch) const override;
  [[nodiscard]] std::string caption(int64_t record, int64_t variant) const override;
  [[nodiscard]] std::vector<int64_t> token_ids(int64_t record, int64_t variant) const override;
  [[nodiscard]] std::string fingerprint() const override { return fingerprint_; }

  // Images that went through the VAE in this process.
  [[nodiscard]] int64_t num_encoded() const;

 private:
  struct Image {
    WorkItem item;
    data::CropPlan crop;  // of the first epoch
    data::RecordMeta meta;
  };

  [[nodiscard]] const Image& at(int64_t record) const {
    return images_.at(static_cast<size_t>(record));
  }
  [[nodiscard]] data::CropPlan crop_in(const Image& image, uint64_t epoch) const;
  [[nodiscard]] std::filesystem::path file_of(const Image& image, uint64_t epoch) const;
  // Undefined: the image cannot be used, and `reason` says why.
  at::Tensor read_or_encode(const Image& image, uint64_t epoch, std::string* reason) const;
  at::Tensor encode(const Image& image, const data::CropPlan& crop, std::string* reason) const;
  void remove_old(uint64_t epoch) const;

  std::string id_;
  std::filesystem::path sources_;
  std::filesystem::path store_;
  data::SourceSettings settings_;
  bool keeps_;    // on disk
  bool renews_;   // in every epoch
  bool removes_;  // this rank does it
  std::vector<Image> images_;
  io::TokenTable tokens_;
  std::string fingerprint_;

  mutable std::mutex mutex_;  // of what follows
  mutable LatentEncoder encoder_;
  mutable std::set<int64_t> unusable_;
  mutable uint64_t newest_epoch_ = 0;
  mutable int64_t num_encoded_ = 0;
};

}  // namespace omnigen::cache
