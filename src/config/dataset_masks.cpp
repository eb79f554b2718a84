#include "config/dataset_masks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>

namespace omnigen::config {
namespace {

bool belongs_to(const DatasetConfig& mask, const DatasetConfig& images) {
  const auto& named = images.conditioning_data;
  return mask.is_mask() && (mask.source_dataset_id == images.id ||
                            std::find(named.begin(), named.end(), mask.id) != named.end());
}

std::string key_of(const DatasetConfig& dataset, const char* key) {
  return fmt::format("dataset \"{}\": {}", dataset.id, key);
}

bool is_listed(const std::string& id, const std::vector<DatasetConfig>& datasets) {
  return std::any_of(datasets.begin(), datasets.end(),
                     [&](const DatasetConfig& dataset) { return dataset.id == id; });
}

void check_links(const DatasetConfig& dataset, const std::vector<DatasetConfig>& datasets,
                 Messages* messages) {
  const auto require = [&](const char* key, const std::string& id) {
    if (id.empty() || is_listed(id, datasets)) return;
    messages->error(key_of(dataset, key),
                    fmt::format("names \"{}\", which is no enabled dataset", id), "E05");
  };
  for (const std::string& id : dataset.conditioning_data) require("conditioning_data", id);
  require("source_dataset_id", dataset.source_dataset_id);
}

}  // namespace

const DatasetConfig* mask_of(const DatasetConfig& images,
                             const std::vector<DatasetConfig>& datasets) {
  const auto found =
      std::find_if(datasets.begin(), datasets.end(),
                   [&](const DatasetConfig& dataset) { return belongs_to(dataset, images); });
  return found == datasets.end() ? nullptr : &*found;
}

void check_masks(const std::vector<DatasetConfig>& datasets, Messages* messages) {
  for (const DatasetConfig& dataset : datasets) {
    check_links(dataset, datasets, messages);
    std::vector<std::string> masks;
    int64_t num_images = 0;
    for (const DatasetConfig& other : datasets) {
      if (belongs_to(other, dataset)) masks.push_back(other.id);
      if (other.is_trained() && belongs_to(dataset, other)) ++num_images;
    }
    if (masks.size() > 1) {
      messages->error(key_of(dataset, "conditioning_data"),
                      fmt::format("several sets of masks: {}. Keep one", fmt::join(masks, ", ")),
                      "E05");
    }
    if (dataset.is_mask() && num_images == 0) {
      messages->warn(key_of(dataset, "conditioning_type"),
                     "belongs to no dataset that is trained on, and does not act. Name it in "
                     "conditioning_data of its images",
                     "E05");
    }
  }
}

}  // namespace omnigen::config
