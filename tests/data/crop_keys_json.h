// Keys of a data set and global options from the golden files' JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "data/crop_plan.h"

namespace omnigen::test {

inline std::optional<double> optional_number(const nlohmann::json& json, const char* key) {
  if (!json.contains(key) || json.at(key).is_null()) return std::nullopt;
  return json.at(key).get<double>();
}

inline data::CropKeys crop_keys(const nlohmann::json& json) {
  data::CropKeys keys;
  if (json.contains("resolution_type")) keys.resolution_type = json.at("resolution_type");
  keys.resolution = optional_number(json, "resolution");
  keys.minimum_image_size = optional_number(json, "minimum_image_size");
  keys.maximum_image_size = optional_number(json, "maximum_image_size");
  keys.target_downsample_size = optional_number(json, "target_downsample_size");
  keys.crop = json.value("crop", keys.crop);
  keys.crop_aspect = json.value("crop_aspect", keys.crop_aspect);
  keys.crop_style = json.value("crop_style", keys.crop_style);
  for (const auto& entry : json.value("crop_aspect_buckets", nlohmann::json::array())) {
    if (entry.is_object()) {
      keys.crop_aspect_buckets.push_back({entry.at("aspect"), optional_number(entry, "weight")});
    } else {
      keys.crop_aspect_buckets.push_back({entry.get<double>(), std::nullopt});
    }
  }
  keys.minimum_aspect_ratio = optional_number(json, "minimum_aspect_ratio");
  keys.maximum_aspect_ratio = optional_number(json, "maximum_aspect_ratio");
  return keys;
}

inline data::CropDefaults crop_defaults(const nlohmann::json& json) {
  data::CropDefaults defaults;
  defaults.resolution_type = json.value("resolution_type", defaults.resolution_type);
  defaults.resolution = json.value("resolution", defaults.resolution);
  defaults.minimum_image_size = json.value("minimum_image_size", defaults.minimum_image_size);
  defaults.maximum_image_size = json.value("maximum_image_size", defaults.maximum_image_size);
  defaults.target_downsample_size =
      json.value("target_downsample_size", defaults.target_downsample_size);
  defaults.aspect_bucket_alignment =
      json.value("aspect_bucket_alignment", defaults.aspect_bucket_alignment);
  defaults.aspect_bucket_rounding =
      json.value("aspect_bucket_rounding", defaults.aspect_bucket_rounding);
  return defaults;
}

// {"accepted", "reason", "bucket", "target", …}: a plan in the golden files' words. A draw is shown
// by its range ("crop_max"), and checked to lie in it.
struct PlannedRow {
  std::string reason;  // empty: accepted
  data::CropPlan plan;
  data::PixelSize source;
};

inline PlannedRow plan_row(const nlohmann::json& dataset, const nlohmann::json& globals,
                           data::PixelSize source, const std::string& size_policy = "st") {
  data::CropDefaults defaults = crop_defaults(globals);
  defaults.size_policy = size_policy;
  const data::CropResolution resolution = data::resolve_crop_keys(crop_keys(dataset), defaults);
  if (resolution.problem) return {"config: " + resolution.problem->reason, {}, source};
  const data::CropDraw draw{.seed = 7, .dataset_id = "golden", .path = "a.png"};
  const data::CropPlan plan = data::plan_crop(resolution.settings, source, draw);
  return {plan.rejection, plan, source};
}

}  // namespace omnigen::test
