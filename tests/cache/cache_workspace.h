// A folder of pictures and a configuration whose caches are built with the tiny golden VAE.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cache/build.h"
#include "comm/single_group.h"
#include "config/dataset_config.h"
#include "config/schema.h"
#include "data/shard_dataset.h"
#include "io/atomic_file.h"
#include "support/golden.h"
#include "support/temp_dir.h"

namespace omnigen::test {

class CacheWorkspace {
 public:
  // Pictures of four sizes, each with a caption file.
  CacheWorkspace() {
    for (const auto& [name, source] :
         std::map<std::string, std::string>{{"a.jpg", "jpeg_baseline.jpg"},
                                            {"b.jpeg", "jpeg_444.jpeg"},
                                            {"c.png", "png_rgb8.png"},
                                            {"sub/d.webp", "webp_lossy.webp"},
                                            {"sub/e.jpg", "jpeg_progressive.jpg"},
                                            {"turned.jpg", "exif_6.jpg"}}) {
      add(name, source);
    }
    config.model.pretrained_model_name_or_path = (golden_dir() / "tiny-omnigen").string();
    config.model.vae_dtype = "fp32";
    config.data.aspect_bucket_alignment = 16;
    dataset.id = "pictures";
    dataset.instance_data_dir = images().string();
    dataset.cache_dir_vae = folder().string();
    dataset.caption_strategy = "textfile";
    dataset.resolution_type = "area";
    dataset.resolution = 0.004096;
    dataset.crop_style = "center";
    dataset.vae_batch_size = 2;
    dataset.write_batch_size = 2;
    dataset.max_workers = 2;
  }

  [[nodiscard]] std::filesystem::path images() const { return dir_ / "images"; }
  [[nodiscard]] std::filesystem::path folder() const { return dir_ / "cache"; }

  void add(const std::string& name, const std::string& source) const {
    const auto path = images() / name;
    std::filesystem::create_directories(path.parent_path());
    io::write_atomically(path, io::read_file(golden_dir() / "data/images" / source));
    caption(name, "caption of " + name);
  }
  void caption(const std::string& name, const std::string& text) const {
    io::write_atomically((images() / name).replace_extension(".txt"), text);
  }
  // Changes nothing but the time.
  void touch(const std::string& name) const {
    const auto path = images() / name;
    std::filesystem::last_write_time(
        path, std::filesystem::last_write_time(path) + std::chrono::seconds(5));
  }

  cache::BuildReport build(comm::ProcessGroup& group) { return run(group, false); }
  cache::BuildReport build() {
    comm::SingleGroup group;
    return run(group, false);
  }
  [[nodiscard]] cache::BuildReport plan() const {
    comm::SingleGroup group;
    return run(group, true);
  }
  [[nodiscard]] data::ShardDataset open() const {
    return data::ShardDataset({.folder = folder(), .id = "pictures"});
  }

  // Every file of the cache but locks, by name.
  [[nodiscard]] std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> contents;
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with(".")) contents[name] = io::read_file(entry.path());
    }
    return contents;
  }
  void clear() const { std::filesystem::remove_all(folder()); }

  config::Config config;
  config::DatasetConfig dataset;
  std::function<at::Device()> device = [] { return at::Device(at::kCPU); };

 private:
  cache::BuildReport run(comm::ProcessGroup& group, bool plan_only) const {
    const std::vector<config::DatasetConfig> datasets = {dataset};
    const cache::BuildContext context = {.config = config,
                                         .datasets = datasets,
                                         .group = group,
                                         .device = device,
                                         .cores_per_rank = 2};
    return plan_only ? cache::plan_cache(context, dataset) : cache::build_cache(context, dataset);
  }

  TempDir dir_;
};

template <class Error, class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace omnigen::test
