// A data set held in memory.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "data/dataset.h"

namespace omnigen::test {

class MemoryDataset : public data::Dataset {
 public:
  explicit MemoryDataset(std::string id) : id_(std::move(id)) {}

  // Records must be added in path order. `size` in pixels; the latent is an eighth of it.
  void add(const std::string& path, int64_t width, int64_t height, at::Tensor latent = {},
           std::vector<int64_t> token_ids = {1, 5, 9}, data::RecordCrop crop = {}) {
    metas_.push_back({path, "", width, height, 1, crop});
    latents_.push_back(std::move(latent));
    token_ids_.push_back(std::move(token_ids));
  }

  [[nodiscard]] const std::string& id() const override { return id_; }
  [[nodiscard]] int64_t size() const override { return std::ssize(metas_); }
  [[nodiscard]] const data::RecordMeta& meta(int64_t record) const override {
    return metas_.at(record);
  }
  [[nodiscard]] at::Tensor latent(int64_t record) const override { return latents_.at(record); }
  [[nodiscard]] std::string caption(int64_t record, int64_t) const override {
    return metas_.at(record).path;
  }
  [[nodiscard]] std::vector<int64_t> token_ids(int64_t record, int64_t) const override {
    return token_ids_.at(record);
  }
  [[nodiscard]] std::string fingerprint() const override {
    return id_ + std::to_string(metas_.size());
  }

 private:
  std::string id_;
  std::vector<data::RecordMeta> metas_;
  std::vector<at::Tensor> latents_;
  std::vector<std::vector<int64_t>> token_ids_;
};

}  // namespace omnigen::test
