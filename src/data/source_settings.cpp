#include "data/source_settings.h"

#include <fmt/format.h>

#include "data/crop_plan.h"
#include "io/atomic_file.h"
#include "io/shard_schema.h"
#include "tokenizer/prompt_template.h"
#include "util/error.h"
#include "util/hash.h"

namespace omnigen::data {
namespace {

using nlohmann::json;

AlphaMode alpha_mode(const std::string& name) {
  if (name == "black") return AlphaMode::kBlack;
  return name == "drop" ? AlphaMode::kDrop : AlphaMode::kWhite;
}

std::string alpha_name(AlphaMode mode) {
  switch (mode) {
    case AlphaMode::kWhite:
      return "white";
    case AlphaMode::kBlack:
      return "black";
    case AlphaMode::kDrop:
      return "drop";
  }
  return "white";
}

std::string aspect_name(CropAspect aspect) {
  switch (aspect) {
    case CropAspect::kSquare:
      return "square";
    case CropAspect::kPreserve:
      return "preserve";
    case CropAspect::kRandom:
      return "random";
    case CropAspect::kClosest:
      return "closest";
  }
  return "square";
}

std::string style_name(CropStyle style) {
  switch (style) {
    case CropStyle::kRandom:
      return "random";
    case CropStyle::kCorner:
      return "corner";
    case CropStyle::kCenter:
      return "center";
  }
  return "random";
}

CropKeys crop_keys(const config::DatasetConfig& dataset) {
  CropKeys keys;
  keys.resolution_type = dataset.resolution_type;
  keys.resolution = dataset.resolution;
  keys.minimum_image_size = dataset.minimum_image_size;
  keys.maximum_image_size = dataset.maximum_image_size;
  keys.target_downsample_size = dataset.target_downsample_size;
  keys.crop = dataset.crop;
  keys.crop_aspect = dataset.crop_aspect;
  // Evaluation always sees the middle, whatever a training cut of the same entry would be.
  keys.crop_style = dataset.is_eval() ? "center" : dataset.crop_style;
  for (const auto& choice : dataset.crop_aspect_buckets) {
    keys.crop_aspect_buckets.push_back({choice.aspect, choice.weight});
  }
  keys.minimum_aspect_ratio = dataset.minimum_aspect_ratio;
  keys.maximum_aspect_ratio = dataset.maximum_aspect_ratio;
  keys.max_upscale_threshold = dataset.max_upscale_threshold;
  return keys;
}

json aspects_of(const CropSettings& crop) {
  json aspects = json::array();
  for (const AspectChoice& choice : crop.aspects) {
    aspects.push_back({choice.aspect, choice.weight ? json(*choice.weight) : json()});
  }
  return aspects;
}

json map_of(const CropSettings& crop) {
  json map = json::object();
  for (const auto& [bucket, size] : crop.aspect_resolution_map) {
    map[bucket] = {size.width, size.height};
  }
  return map;
}

}  // namespace

bool SourceSettings::is_random() const {
  return crop.crop_style == CropStyle::kRandom ||
         (crop.crop && crop.crop_aspect == CropAspect::kRandom);
}

SourceSettings source_settings(const config::Config& config, const config::DatasetConfig& dataset) {
  CropDefaults defaults;  // the data set's own keys hold the inherited values already
  defaults.aspect_bucket_alignment = config.data.aspect_bucket_alignment;
  defaults.aspect_bucket_rounding = config.data.aspect_bucket_rounding;
  defaults.size_policy = config.data.size_policy;
  defaults.min_source_edge = config.data.min_source_edge;
  SourceSettings settings;
  settings.crop = crop_settings(dataset.id, crop_keys(dataset), defaults);
  settings.decode.apply_orientation = config.data.exif == "apply";
  settings.decode.alpha = alpha_mode(config.data.alpha);
  settings.decode.accept_truncated = config.data.truncated_images == "accept";
  settings.filter = resample_filter(config.data.resample_filter);
  settings.seed = static_cast<uint64_t>(config.train.seed);
  return settings;
}

Fingerprint image_fingerprint(const SourceSettings& settings) {
  const CropSettings& crop = settings.crop;
  const bool documented = crop.size_policy == SizePolicy::kDocumented;
  json members = {{"schema_version", io::kShardVersion},
                  {"exif", settings.decode.apply_orientation ? "apply" : "ignore"},
                  {"alpha", alpha_name(settings.decode.alpha)},
                  {"truncated_images", settings.decode.accept_truncated ? "accept" : "reject"},
                  {"resample_filter", resample_filter_name(settings.filter)},
                  {"size_policy", documented ? "documented" : "st"},
                  {"resolution_type", crop.area ? "area" : "pixel"},
                  {"resolution", crop.resolution},
                  {"target_downsample_size", crop.target_downsample_size},
                  {"has_maximum_image_size", crop.maximum_image_size > 0},
                  {"crop", crop.crop},
                  {"crop_aspect", aspect_name(crop.crop_aspect)},
                  {"crop_style", style_name(crop.crop_style)},
                  {"crop_aspect_buckets", aspects_of(crop)},
                  {"aspect_bucket_alignment", crop.alignment},
                  {"aspect_bucket_rounding", crop.rounding},
                  {"aspect_resolution_map", map_of(crop)},
                  {"variants", 1}};
  if (documented) members["maximum_image_size"] = crop.maximum_image_size;
  if (settings.is_random()) members["seed"] = settings.seed;
  return Fingerprint::of(std::move(members));
}

std::vector<std::string> caption_filter_list(const config::DatasetConfig& dataset,
                                             const std::vector<config::DatasetConfig>& datasets) {
  for (const config::DatasetConfig& entry : datasets) {
    const bool named =
        dataset.text_embeds.empty() ? entry.is_default : entry.id == dataset.text_embeds;
    if (entry.dataset_type == "text_embeds" && named) return entry.caption_filter_list;
  }
  return {};
}

CaptionSettings caption_settings(const config::Config& config, const config::DatasetConfig& dataset,
                                 const std::vector<config::DatasetConfig>& datasets) {
  CaptionSettings settings;
  settings.strategy = caption_strategy(dataset.caption_strategy);
  settings.instance_prompts = dataset.instance_prompt;
  settings.only_instance_prompt = dataset.only_instance_prompt;
  settings.prepend_instance_prompt = dataset.prepend_instance_prompt;
  settings.disable_multiline_split = dataset.disable_multiline_split;
  settings.missing = missing_caption_policy(config.data.missing_captions);
  const config::CaptionShuffle& shuffle = dataset.caption_shuffle;
  settings.shuffle = {.enable = shuffle.enable,
                      .count = shuffle.count,
                      .seed = static_cast<uint64_t>(shuffle.seed),
                      .split_on = shuffle.split_on,
                      .position_start = shuffle.position_start,
                      .include_original = shuffle.include_original};
  settings.filter = CaptionFilter(caption_filter_list(dataset, datasets));
  check_caption_settings(dataset.id, settings);
  return settings;
}

std::filesystem::path tokenizer_folder(const std::filesystem::path& model) {
  const auto inside = model / "tokenizer";
  return std::filesystem::exists(inside / "tokenizer.json") ? inside : model;
}

Fingerprint caption_fingerprint(const config::DatasetConfig& dataset,
                                const std::vector<std::string>& filter_list) {
  const config::CaptionShuffle& shuffle = dataset.caption_shuffle;
  json members = {{"caption_strategy", dataset.caption_strategy},
                  {"instance_prompt", dataset.instance_prompt},
                  {"prepend_instance_prompt", dataset.prepend_instance_prompt},
                  {"only_instance_prompt", dataset.only_instance_prompt},
                  {"disable_multiline_split", dataset.disable_multiline_split},
                  {"caption_filter_list", filter_list},
                  {"caption_shuffle", json()}};
  if (shuffle.enable) {
    members["caption_shuffle"] = {{"count", shuffle.count},
                                  {"seed", shuffle.seed},
                                  {"split_on", shuffle.split_on},
                                  {"position_start", shuffle.position_start},
                                  {"include_original", shuffle.include_original}};
  }
  return Fingerprint::of(std::move(members));
}

Fingerprint text_fingerprint(const std::filesystem::path& folder) {
  const auto path = folder / "tokenizer.json";
  if (!std::filesystem::exists(path)) {
    throw util::DataError(fmt::format(
        "{} is missing: pretrained_model_name_or_path must name a model folder with a tokenizer",
        std::filesystem::absolute(path).string()));
  }
  return Fingerprint::of({{"tokenizer.json", util::sha256_hex(io::read_file(path))},
                          {"template", tokenizer::templated_prompt("{}")},
                          {"image_slots",
                           "chunks of the text between <|image_N|>, one id 0 per "
                           "16 x 16 pixels, begin-of-text once"}});
}

}  // namespace omnigen::data
